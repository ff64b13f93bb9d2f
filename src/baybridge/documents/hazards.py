"""The hazard log: what could harm a patient here, why, how severely and how likely, what stands against it and which test proves that.

Main job: `HazardLog`, the document `data/safety/hazards.yaml`; `as_markdown(log)`, the page `docs/safety.md` that is made from it.

**Source**: in the manner of ISO 14971:2019, IEC 62304 and NHS DCB0129; nobody certified it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from baybridge.documents.heading import Heading, Part, Translated

Text = Annotated[str, Meta(min_length=1)]
#: A test as `path::name`.
Test = Annotated[str, Meta(pattern=r"^tests/[a-z0-9_/]+\.py::test_[a-z0-9_]+$")]
Problem = tuple[tuple[str | int, ...], str, str]


class Level(Part, frozen=True, kw_only=True):
    """One step of a scale, the least first."""

    code: Text
    title: Translated
    means: Text


class Scale(Part, frozen=True, kw_only=True):
    """How severity and likelihood are named, and from which severity a harm is severe."""

    severity: Annotated[tuple[Level, ...], Meta(min_length=1)]
    likelihood: Annotated[tuple[Level, ...], Meta(min_length=1)]
    severe_from: Text

    @property
    def severe(self) -> frozenset[str]:
        """The codes of severe harm."""
        codes = [level.code for level in self.severity]
        return frozenset(codes[codes.index(self.severe_from) :])


class Estimate(Part, frozen=True, kw_only=True):
    """How bad and how likely, by the codes of the scale."""

    severity: Text
    likelihood: Text


class Control(Part, frozen=True, kw_only=True):
    """What stands against a hazard: what it does, in which module or document, and the tests that prove it."""

    what: Text
    where: Text
    tests: Annotated[tuple[Test, ...], Meta(min_length=1)]


class Hazard(Part, frozen=True, kw_only=True):
    """One hazard; `single_control` says why severe harm has one control alone, `open` which faults are known and not mended."""

    id: Annotated[str, Meta(pattern="^H[0-9]{2}$")]
    title: Translated
    cause: Text
    harm: Text
    before: Estimate
    after: Estimate
    controls: Annotated[tuple[Control, ...], Meta(min_length=1)]
    single_control: str = ""
    open: tuple[Text, ...] = ()


class HazardLog(Heading, frozen=True, kw_only=True):
    """All of them, with the scale by which they are estimated."""

    scale: Scale
    hazards: Annotated[tuple[Hazard, ...], Meta(min_length=1)]

    def contradictions(self) -> Iterator[Problem]:
        """Levels that the scale does not have, an id twice, a title without English, which every other language falls back on."""
        severities, likelihoods = ([level.code for level in levels] for levels in (self.scale.severity, self.scale.likelihood))
        if self.scale.severe_from not in severities:
            yield ("scale", "severe_from"), f"one of {', '.join(severities)}", self.scale.severe_from
        yield from _without_english(self)
        seen: set[str] = set()
        for place, hazard in enumerate(self.hazards):
            if hazard.id in seen:
                yield ("hazards", place, "id"), "an id once", hazard.id
            seen.add(hazard.id)
            for name, estimate in (("before", hazard.before), ("after", hazard.after)):
                if estimate.severity not in severities:
                    yield ("hazards", place, name, "severity"), f"one of {', '.join(severities)}", estimate.severity
                if estimate.likelihood not in likelihoods:
                    yield ("hazards", place, name, "likelihood"), f"one of {', '.join(likelihoods)}", estimate.likelihood


def _without_english(log: HazardLog) -> Iterator[Problem]:
    rows: dict[tuple[str, ...], tuple[Level | Hazard, ...]] = {("scale", "severity"): log.scale.severity, ("scale", "likelihood"): log.scale.likelihood}
    rows["hazards",] = log.hazards
    for where, titled in rows.items():
        for place, one in enumerate(titled):
            if not one.title.get("en"):
                yield (*where, place, "title"), "a title in en", ", ".join(one.title)


def as_markdown(log: HazardLog) -> str:
    """The whole log as the page of the manual, in English."""
    lines = [
        "# Hazard log",
        "",
        "Made from `src/baybridge/data/safety/hazards.yaml` by `baybridge safety --write docs/safety.md`; change the file, not this page.",
        "",
        log.notes or "",
        "",
        *_level_lines("Severity", log.scale.severity),
        *_level_lines("Likelihood", log.scale.likelihood),
        f"Severe harm is `{log.scale.severe_from}` or worse: such a hazard has two controls that tests of different files prove, or says why not.",
    ]
    for hazard in log.hazards:
        lines += ["", *_hazard_lines(hazard)]
    return "\n".join(lines) + "\n"


def _level_lines(name: str, levels: tuple[Level, ...]) -> list[str]:
    return [f"**{name}**", "", *(f"- `{level.code}`: {level.means}" for level in levels), ""]


def _hazard_lines(hazard: Hazard) -> list[str]:
    lines = [
        f"## {hazard.id} {hazard.title['en']}",
        "",
        f"- Cause: {hazard.cause}",
        f"- Possible harm: {hazard.harm}",
        f"- Before controls: severity `{hazard.before.severity}`, likelihood `{hazard.before.likelihood}`",
        f"- After controls: severity `{hazard.after.severity}`, likelihood `{hazard.after.likelihood}`",
    ]
    for control in hazard.controls:
        lines.append(f"- Control: {control.what} In `{control.where}`; proved by:")
        lines += [f"    - `{test}`" for test in control.tests]
    if hazard.single_control:
        lines.append(f"- Why one control: {hazard.single_control}")
    lines += [f"- Known and open: {fault}" for fault in hazard.open]
    return lines
