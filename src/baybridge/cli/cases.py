"""`case` and `cases`: the state of one case at a node, now, as of a moment, or by what was known then; and all of them as a list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baybridge.base.outcome import Refusal
from baybridge.cli.arguments import MOMENT, Thorough
from baybridge.cli.records import open_or_fail
from baybridge.cli.saying import say_refusal
from baybridge.journey.held import Stage

if TYPE_CHECKING:
    from baybridge.journey.state import CaseState


@click.command(cls=Thorough)
@click.argument("case_id", metavar="CASE")
@click.option("--node", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="Node folder.")
@click.option("--at", type=MOMENT, help="As of this time, or the end of this day, by what is known now.")
@click.option("--known-at", type=MOMENT, help="By what was known at this time, or at the end of this day.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def case(case_id: str, folder: Path, at: str | None, known_at: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Where a case stands: stage, grades, doses, tasks, visits, decisions, money, and every entry with whether it stands.

    What was corrected counts no more from the moment of its correction on; --known-at shows what was believed before.
    """
    from baybridge.journey.command import Actor, Role
    from baybridge.node.case_state import state_for

    node = open_or_fail(folder)
    found = state_for(node, case_id, at, known_at)
    if isinstance(found, Refusal):
        say_refusal(node, found, as_json=as_json)
    node.record_access(Actor("operator", Role.SYSTEM, node.site.organisation), case_id, "case.state", "treatment")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        _print(found)


@click.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--stage", type=click.Choice([stage.value for stage in Stage]), help="Only cases that stand there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
def cases(folder: Path, stage: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """The cases of a node: where each stands, when it was opened, the day since the infusion; no names."""
    from baybridge.node.case_list import listed

    found = listed(open_or_fail(folder), stage)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        day = f"day +{one['day']}" if one["day"] is not None else "-"
        click.echo(f"{one['case']}  {one['stage']:<24}  {one['product'] or '-'}  {one['opened_at'] or '-'}  {day}")


def _print(found: CaseState) -> None:
    click.echo(f"case {found['case']}  {found['stage']}  {found['product'] or '-'}")
    for scale, grade in found["grades"].items():
        current, highest = grade["current"], grade["highest"]
        click.echo(f"  {scale}: {current['grade_min']} to {current['grade_max']}, highest {highest['grade_min']} to {highest['grade_max']}")
        for one in current.get("from_before", ()):
            click.echo(f"    rests on {one['fact']} {one['value']} of {one['at']}, before the assessment")
    for task in found["tasks"]:
        click.echo(f"  {task['step']}  {task['role']}  {task['due'] or '-'}{'  late' if task['late'] else ''}")
    for entry in found["entries"]:
        click.echo(f"  {entry['at']}  {entry['type']}  {entry['event_id']}{'' if entry['state'] == 'standing' else '  ' + entry['state']}")
