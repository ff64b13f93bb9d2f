"""The `baybridge` command: gathers the topics, each imported only when it is used.

Main job: `baybridge decide …` loads the policy engine and nothing of the server.
"""

from __future__ import annotations

from importlib import import_module

import click

from baybridge.base.extras import needed_for
from baybridge.cli.arguments import LanguageCode

#: command -> module that holds a click command of the same name (dashes as underscores)
TOPICS: dict[str, str] = {
    "decide": "baybridge.cli.policies",
    "policy": "baybridge.cli.policies",
    "facts": "baybridge.cli.facts",
    "units": "baybridge.cli.units",
    "calls": "baybridge.cli.calls",
    "roster": "baybridge.cli.calls",
    "attach": "baybridge.cli.attachments",
    "logger": "baybridge.cli.loggers",
    "import": "baybridge.cli.records",
    "codes": "baybridge.cli.codes",
    "card": "baybridge.cli.cards",
    "check": "baybridge.cli.documents",
    "safety": "baybridge.cli.documents",
    "export": "baybridge.cli.records",
    "spreadsheet": "baybridge.cli.lists",
    "recognise": "baybridge.cli.exchange",
    "transfer": "baybridge.cli.exchange",
    "fund": "baybridge.cli.funding",
    "trials": "baybridge.cli.trials",
    "schedule": "baybridge.cli.schedule",
    "simulate": "baybridge.cli.simulate",
    "statistics": "baybridge.cli.statistics",
    "verify": "baybridge.cli.ledger",
    "ledger": "baybridge.cli.ledger",
    "neighbour": "baybridge.cli.neighbours",
    "key": "baybridge.cli.keys",
    "user": "baybridge.cli.people",
    "sign-in": "baybridge.cli.sign_in",
    "person": "baybridge.cli.persons",
    "breach": "baybridge.cli.privacy",
    "processing": "baybridge.cli.privacy",
    "extras": "baybridge.cli.extras",
    "parts": "baybridge.cli.parts",
    "protocol": "baybridge.cli.protocol",
    "validation": "baybridge.cli.validation",
    "doctor": "baybridge.cli.doctor",
    "setup": "baybridge.cli.setup",
    "systemd": "baybridge.cli.service",
    "init": "baybridge.cli.nodes",
    "serve": "baybridge.cli.nodes",
    "upgrade": "baybridge.cli.keeping",
    "backup-key": "baybridge.cli.keeping",
    "backup": "baybridge.cli.keeping",
    "verify-backup": "baybridge.cli.keeping",
    "restore": "baybridge.cli.keeping",
    "message": "baybridge.cli.messages",
    "downtime": "baybridge.cli.downtime",
    "do": "baybridge.cli.nodes",
    "case": "baybridge.cli.cases",
    "cases": "baybridge.cli.cases",
    "courier-code": "baybridge.cli.couriers",
    "demo": "baybridge.cli.demo",
}


class Topics(click.Group):
    """A group whose commands are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every command, in the order of the table."""
        return list(TOPICS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name, imported now."""
        if cmd_name not in TOPICS:
            return None
        name = "import_" if cmd_name == "import" else cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(TOPICS[cmd_name]), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a database that cannot, and a package that an extra brings, are told in one line."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as problem:
            sentence = needed_for(problem)
            if sentence is None:
                raise
            click.echo(sentence, err=True)
            ctx.exit(1)
        except Exception as problem:
            if type(problem).__name__ != "StorageProblem":  # asked by name, so that commands without a node load nothing of one
                raise
            click.echo(_OUTAGES[str(problem)], err=True)
            ctx.exit(1)
            return None


_OUTAGES = {
    "busy": "The database is busy and did not take this in time; nothing was done. Try again in a few seconds.",
    "full": "The database is full; nothing was done. Make room first.",
    "read_only": "The database takes no changes; nothing was done. Look at its permissions and its state.",
    "away": "The database does not answer; nothing was done. Look whether it runs.",
    "clock": "The clock of this machine cannot be believed; nothing was done. Set it by a time server first.",
    "restored": "This node was restored and lacks entries, or may; nothing was done. Two persons accept that first, with: baybridge restore accept DIR",
}


def _say_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if wanted:
        click.echo(f"baybridge {import_module('baybridge.node.software').software()}")
        ctx.exit()


@click.command(cls=Topics)
@click.option("--language", type=LanguageCode(), help="Of the sentences that a command says; that of BAYBRIDGE_LANGUAGE or of the terminal without it.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_say_version, help="Show version, commit and schema, and end.")
def main(language: str | None) -> None:
    """Carries a CAR-T patient, the records, cells and money across three regions. Decision support: a clinician decides."""
