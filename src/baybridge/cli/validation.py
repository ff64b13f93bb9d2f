"""`validation`: requirements, tests with their results, hazards and parts as pages that a hospital can file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail


@click.command(cls=Thorough)
@click.option("--results", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Results of the tests: pytest --junitxml FILE.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="A new folder.")
def validation(results: Path, out: Path) -> None:
    """Write a validation pack in Markdown: requirements with their tests and results, hazards, parts; 1 where a control of a hazard is not shown.

    The results are those of a run of the tests of this very version. What the pack is not stands on its first page.
    """
    from baybridge.documents.hazards import HazardLog
    from baybridge.documents.loader import Documents
    from baybridge.node.clock import now
    from baybridge.node.software import software
    from baybridge.node.upkeep import validation as made
    from baybridge.node.upkeep.parts import parts
    from baybridge.rulebook.library import fact_types, policies_of

    try:
        found = made.results_of(results.read_bytes())
    except made.UnreadableError as problem:
        fail(f"--results: expected results of tests as pytest --junitxml writes them, found {problem}")
    documents = Documents()
    library = policies_of(documents, fact_types(documents))
    rules = [made.Rule(one.id, one.version, one.sources[0], len(one.cases)) for name in library.ids() for one in library.versions(name)]
    log = documents.typed.the(HazardLog)
    pages = made.pack(log, rules, found, parts(), software(), now())
    try:
        out.mkdir(parents=True)
    except OSError as problem:
        fail(f"--out: expected a folder that can be made new, found {str(out)!r}: {problem.strerror}")
    for name, page in pages.items():
        (out / name).write_text(page, encoding="utf-8")
    lacking = [f"{hazard.id}.{number}" for hazard in log.hazards for number, control in enumerate(hazard.controls, 1) if made.shown(control, found) != "passed"]
    click.echo(f"{out}: {len(pages)} pages, {len(found)} tests" + (f"; not shown: {', '.join(lacking)}" if lacking else ""))
    sys.exit(1 if lacking else 0)
