"""`check`: a site's documents before they are put in force, every problem at its file, line and field; `safety`: the hazard log.

Main job: `baybridge check FOLDER`, a data folder that is laid over ours, or the folder of a node with one; `baybridge safety` as a page of the manual.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from baybridge.cli.arguments import Thorough


@click.command(cls=Thorough)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON: documents, problems.")
def check(folder: Path, *, json_wanted: bool) -> None:
    """Check the documents of a site: FOLDER holds products, pathways, directory … as they are laid over ours; exit 1 where there is a problem."""
    from baybridge.node.commands.table import COMMANDS
    from baybridge.rulebook.site_documents import check_site

    data = folder / "data" if (folder / "node.yaml").is_file() else folder
    report = check_site(data, COMMANDS)
    if json_wanted:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
    else:
        for problem in report.problems:
            click.echo(f"{problem}{f' [{problem.field}]' if problem.field else ''}")
        click.echo(f"{report.documents} documents, {len(report.problems)} problems")
    raise SystemExit(1 if report.problems else 0)


@click.command(cls=Thorough)
@click.option("--write", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write the page to this file; without it, print it.")
def safety(target: Path | None) -> None:
    """Show the hazard log that is shipped, as the page of the manual."""
    from baybridge.documents.hazards import HazardLog, as_markdown
    from baybridge.documents.loader import Documents

    page = as_markdown(Documents().typed.the(HazardLog))
    if target is None:
        click.echo(page, nl=False)
        return
    try:
        target.write_text(page, encoding="utf-8")
    except OSError as problem:
        raise click.ClickException(f"cannot write there: {problem.strerror}") from problem
