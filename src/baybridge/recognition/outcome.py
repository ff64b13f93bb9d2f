"""From the codes that hold to the outcome: which reason goes before which, and what a person may override.

Main job: `precede(findings, given, rules) -> Outcome`.

**Source**: exchange contract, "Precedence of the outcome", in its order: hard reasons; emergency; override; statutory case; repeat reasons;
conversion; recognised. An override or an emergency never passes a reason that is not overridable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from baybridge.documents.recognition import Overriding
from baybridge.recognition.written import WrittenAsked, WrittenOverride

RECOGNISED = "recognised"
CONVERTED = "recognised-with-conversion"
REPEAT = "repeat-needed"
CLINICIAN = "clinician-override"
EMERGENCY, REFUSED = "MR-080", "MR-090"
#: The statutory case in which somebody may assert a repeat stands in codes MR-070 to MR-075. Source: policy reference A3.
ASSERTED = "asserted"


@dataclass(frozen=True, slots=True)
class Found:
    """A code that holds, with its severity and whether it may be overridden in this request."""

    code: str
    severity: str
    overridable: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome, every code, and in which direction a clinician decided."""

    outcome: str
    codes: tuple[str, ...]
    direction: Literal["accept", "repeat"] | None
    added: tuple[str, ...]  # codes that came from the precedence, not from a condition


def precede(found: Sequence[Found], given: WrittenAsked, rules: Overriding) -> Outcome:
    """The outcome of a request from the codes that hold and what the request asks for."""
    hard = any(item.severity == "hard" for item in found)
    repeats = [item for item in found if item.severity == "repeat"]
    asserted = any(item.severity == ASSERTED for item in found)
    passable = not hard and all(item.overridable for item in repeats)
    direction: Literal["accept", "repeat"] | None = None
    added = []
    if repeats and passable and given.get("emergency") is True:
        direction = "accept"
        added.append(EMERGENCY)
    override = given.get("override")
    if override is not None:
        allowed, code = passable and _signed(override, repeats, rules), override.get("code")
        direction = override.get("direction") if allowed else direction
        added.append(code if allowed and code is not None else REFUSED)
    if asserted and not hard:
        direction = "repeat"
    codes = tuple(sorted({item.code for item in found} | set(added)))
    return Outcome(_outcome(hard, direction, repeats, found), codes, direction, tuple(added))


def _outcome(hard: bool, direction: str | None, repeats: Sequence[Found], found: Sequence[Found]) -> str:  # noqa: FBT001
    if hard:
        return REPEAT
    if direction is not None:
        return CLINICIAN
    if repeats:
        return REPEAT
    return CONVERTED if any(item.severity == "convert" for item in found) else RECOGNISED


def _signed(override: WrittenOverride, repeats: Sequence[Found], rules: Overriding) -> bool:
    """Whether an override names a code of its direction and is signed by its role, twice where a reason wants that."""
    role, second = override.get("role"), _role_of(override.get("second_sign_off"))
    codes = {"accept": rules.codes.accept, "repeat": rules.codes.repeat}.get(override.get("direction") or "", ())
    if override.get("code") not in codes or role not in rules.clinical_roles:
        return False
    twice = any(item.code in rules.second_sign_off_for for item in repeats)
    return not twice or (second in rules.second_sign_off_roles and second != role)


def _role_of(sign_off: object) -> str | None:
    role = sign_off.get("role") if isinstance(sign_off, Mapping) else sign_off
    return role if isinstance(role, str) else None
