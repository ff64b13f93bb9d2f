"""Initials of a patient, for titles and for a screen on a wall.

Main job: `initials_of(patient)`: the first sign of each part of the name that is written first. Who lies in a bed is told by the wrist band, never by these.
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.facts.fhir import items, written_name


def initials_of(patient: Mapping[str, object]) -> str:
    """`C. T. M.` of Chan Tai Man, `陈` of 陈大文; empty where no name is known."""
    written = next(filter(None, map(written_name, items(patient.get("name")))), "")
    parts = written.split()
    return " ".join(part[0] if _is_han(part[0]) else f"{part[0].upper()}." for part in parts)


def _is_han(sign: str) -> bool:
    """Whether a sign is a Chinese character. Source: Unicode, CJK Unified Ideographs and extension A."""
    return "㐀" <= sign <= "鿿"
