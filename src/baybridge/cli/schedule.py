"""`schedule`: who is collected, made for and infused where and when, over centres and plants.

Main job: read a scheduling case and, with `--previous`, a plan that was printed before; print the plan as JSON or as sentences. 1 with every reason where the case
cannot be read, and where a check of the plan does not hold.

**Source**: the scheduling contract (`docs/planning.md`); exit codes of design 9.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from baybridge.cli.arguments import Thorough
from baybridge.cli.exchange import read_request, said
from baybridge.cli.failing import fail
from baybridge.cli.reader import reader_language
from baybridge.documents.loader import Documents
from baybridge.documents.requests import FormError
from baybridge.language.texts import Texts

if TYPE_CHECKING:
    from baybridge.base.outcome import Reason
    from baybridge.planning.schedule import Planned
    from baybridge.planning.written import Schedule

T = TypeVar("T")
_FILE = click.Path(path_type=Path, allow_dash=True)


@click.command(cls=Thorough)
@click.argument("file", metavar="CASE.json", type=_FILE)
@click.option("--previous", type=_FILE, help="A plan that this command printed before over the same weeks: few are moved, and collections of week 0 stay.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def schedule(file: Path, previous: Path | None, *, as_json: bool) -> None:
    """Plan collections and infusions over centres and plants: the proven least of urgency times weeks of waiting.

    The plan is a proposal: each date is for a person to accept.
    """
    from baybridge.planning.schedule import plan
    from baybridge.planning.written import read, read_previous

    documents = Documents()
    case = _taken(file, read, documents)
    planned = plan(case, _taken(previous, read_previous, documents) if previous is not None else None)
    why = {patient: _sentence(documents, reasons) for patient, reasons in planned.unserved}
    click.echo(json.dumps(_as_json(planned, why), ensure_ascii=False) if as_json else "\n".join(_lines(case, planned, why)))
    sys.exit(0 if all(check.holds for check in planned.checks) else 1)


def _taken(file: Path, read: Callable[[object], T], documents: Documents) -> T:
    """What a file says; 1 with every problem in it."""
    try:
        return read(read_request(file))
    except FormError as found:
        fail(f"{file.name}: {'; '.join(said(problem, documents) for problem in found.problems)}")


def _sentence(documents: Documents, reasons: Sequence[Reason]) -> str:
    texts, language = Texts(documents), reader_language(documents.folder)
    return " ".join(texts.say(language, reason.code, reason.values) for reason in reasons)


def _as_json(planned: Planned, why: Mapping[str, str]) -> Mapping[str, object]:
    moved = {} if planned.moved is None else {"moved": [asdict(one) for one in planned.moved]}
    return {
        "assignments": [asdict(one) for one in planned.assignments],
        "unserved": [{"case": patient, "reason": sentence} for patient, sentence in why.items()],
        "objective": planned.objective,
        "bound": planned.bound,
        "first_come_objective": planned.first_come_objective,
        "seconds": round(planned.seconds, 3),
        **moved,
        "checks": [asdict(check) for check in planned.checks],
    }


def _lines(case: Schedule, planned: Planned, why: Mapping[str, str]) -> Iterator[str]:
    for one in planned.assignments:
        collected, infused = (f"week {week} ({case.monday(week)})" for week in (one.collection_week, one.infusion_week))
        yield f"{one.case}  collected at {one.centre} in {collected}, made by {one.plant}, infused in {infused}"
    yield from (f"{patient}  not served: {sentence}" for patient, sentence in why.items())
    yield f"objective {planned.objective}, at least {planned.bound} by any plan; first come, first served: {planned.first_come_objective}"
    for gone in planned.moved or ():
        yield f"moved: {gone.case}" if gone.after is not None else f"moved: {gone.case}, which has no plan any more"
    held = sum(check.holds for check in planned.checks)
    yield f"{held} of {len(planned.checks)} checks hold, {planned.seconds:.2f} s; each date is for a person to accept"
    yield from (f"does not hold: {check.name}" for check in planned.checks if not check.holds)
