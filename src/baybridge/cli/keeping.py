"""`backup`, `verify-backup`, `restore`, `upgrade`: a node kept, brought back, brought to another version.

Main job: what an operator does with a node as a whole. **Source**: contract K6.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from baybridge.base.failures import why
from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail
from baybridge.cli.nodes import without_password
from baybridge.cli.reader import reader_language

if TYPE_CHECKING:
    from baybridge.node.config import Config
    from baybridge.node.integrity.finding import Finding
    from baybridge.node.keeping.restoring import Restored
    from baybridge.node.schema.upgrading import Upgraded

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_MOST_TOLD = 20


@click.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--check", "only_look", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--back", "copy", type=_FILE, help="Go back to this copy, which an upgrade made.")
@click.option("--despite-findings", is_flag=True, help="Upgrade although the check of the ledger finds something; it is looked into afterwards.")
@click.option("--lose-entries", is_flag=True, help="With --back: what was written since the copy may go.")
@click.option("--json", "as_json", is_flag=True)
def upgrade(folder: Path, copy: Path | None, *, only_look: bool, despite_findings: bool, lose_entries: bool, as_json: bool) -> None:
    """Bring a node's database up to this version: copy it, change it, check its ledger. Stop the node first.

    Killed at any moment it leaves the database as it was or as it is to be. The copy stays in DIR/before-upgrades until you remove it.
    """
    from baybridge.node.config import ConfigProblem, read_config
    from baybridge.node.node import open_node
    from baybridge.node.schema import upgrading
    from baybridge.node.steps import Walk

    try:
        config = read_config(folder)
        walk = Walk.of(config.settings)
        if only_look:
            done = upgrading.plan(config)
        elif copy is not None:
            done = upgrading.back(config, copy, walk, lose_entries=lose_entries)
        else:
            done = upgrading.upgrade(config, walk, despite_findings=despite_findings)
            open_node(folder).storage.close()  # what a newer version does once with what it finds
    except ConfigProblem as problem:
        fail(str(problem))
    except upgrading.UnsoundError as problem:
        _fail_unsound(folder, problem.findings)
    if as_json:
        click.echo(json.dumps(_as_json(done)))
    elif copy is not None:
        click.echo(f"The database is the copy again, schema {done.after}, with {done.log_size} log entries. Start the node with the version that wrote it.")
    else:
        click.echo(_said(folder, done, only_look=only_look, checked=not despite_findings))


def _as_json(done: Upgraded) -> dict[str, object]:
    copy = str(done.copy) if done.copy else None
    return {"from": done.before, "to": done.after, "steps": list(done.steps), "backup": copy, "log_size": done.log_size, "log_root": done.log_root}


def _said(folder: Path, done: Upgraded, *, only_look: bool, checked: bool) -> str:
    if not done.steps:
        return f"The database has schema {done.after} already; nothing is to be done."
    steps = ", ".join(done.steps)
    if only_look:
        return f"The database has schema {done.before}; to bring it to {done.after}: {steps}. Stop the node, then: baybridge upgrade {folder}"
    ledger = "is sound" if checked else "was not checked; look into it with: baybridge ledger check"
    return (
        f"The database has schema {done.after} now (before: {done.before}); done: {steps}. Its ledger of {done.log_size} entries {ledger}.\n"
        f"To go back: baybridge upgrade {folder} --back {done.copy}"
    )


def _fail_unsound(folder: Path, findings: tuple[Finding, ...]) -> NoReturn:
    fail(
        f"Nothing was changed: the check of the ledger has {len(findings)} findings. {_told(findings)} "
        f"Look into them first, or go on with: baybridge upgrade {folder} --despite-findings"
    )


def _told(findings: tuple[Finding, ...]) -> str:
    """The first findings in sentences."""
    from baybridge.documents.loader import Documents
    from baybridge.language.texts import Texts

    documents = Documents()
    texts, language = Texts(documents), reader_language(documents.folder)
    return " ".join(texts.reason(language, one.reason) for one in findings[:_MOST_TOLD])


# --- backups --------------------------------------------------------------------------------------------------------


@click.command("backup-key", cls=Thorough)
@click.argument("out", metavar="OUT", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True)
def backup_key(out: Path, *, as_json: bool) -> None:
    """Make a pair of keys for backups: OUT, the private one, and OUT.pub, the public one.

    Keep OUT off the node, at two places: whoever has it reads every backup, and without it nobody reads any.
    """
    import os

    from baybridge.node.keeping import packing

    public_file = out.with_name(f"{out.name}.pub")
    if out.exists() or public_file.exists():
        fail(f"expected names that are free, found a file at {out} or {public_file}; a key is never written over")
    private, public = packing.new_key()
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as problem:
        fail(f"{out} cannot be written ({problem.strerror})")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"# private key of backups; public key: {public}\n{private}\n")
    public_file.write_text(f"{public}\n", encoding="ascii")
    said = f"Private key in {out}: keep it off the node, at two places. Public key in {public_file}: {public}"
    click.echo(json.dumps({"private": str(out), "public_file": str(public_file), "public": public}) if as_json else said)


@click.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--to", "to", type=click.Path(path_type=Path), help="File or folder; the one of node.yaml without it.")
@click.option("--key", help="The public key, or a file with it; the one of node.yaml without it.")
@click.option("--database", callback=without_password, help="Database URL; the one of the node's founding without it.")
@click.option("--if-due", is_flag=True, help="Make one only where the last good one is as old as the document keeping/backups says.")
@click.option("--json", "as_json", is_flag=True)
def backup(folder: Path, to: Path | None, key: str | None, database: str | None, *, if_due: bool, as_json: bool) -> None:
    """Back up a node while it works: its database as of one moment and the files of its folder, encrypted to a public key.

    The key of second factors (keys/factors.key) is left out on purpose: keep a copy of it elsewhere.
    """
    from baybridge.node import clock
    from baybridge.node.config import ConfigProblem, read_config
    from baybridge.node.integrity.rows import rows_of
    from baybridge.node.keeping import backups, packing, records
    from baybridge.node.outage import StorageProblem
    from baybridge.node.steps import Walk
    from baybridge.node.storage import Storage, Waits

    try:
        config = read_config(folder, database)
        if if_due and not _is_due(folder, database):
            click.echo(json.dumps({"due": False}) if as_json else "None is due yet.")
            return
        target, public = _where(config, to, key)
        made = backups.make(config, target, packing.recipient(public), Walk.of(config.settings))
    except (ConfigProblem, packing.BackupProblem) as problem:
        fail(str(problem))
    except OSError as problem:
        fail(f"no backup was made: {problem.filename or target}: {why(problem)}")
    storage = Storage(config.database, Waits.of(config.settings))
    storage.rows = rows_of(config)
    try:
        records.made(storage, clock.now(), made)
    except StorageProblem as problem:
        click.echo(f"The backup stands, and the node could not note it ({problem.kind}).", err=True)
    finally:
        storage.close()
    said = f"{made.backup}: {made.bytes} bytes, {made.log_size} log entries, schema {made.schema}, SHA-256 {made.sha256}"
    click.echo(json.dumps(made.as_json()) if as_json else said)


def _is_due(folder: Path, database: str | None) -> bool:
    from baybridge.node.keeping import schedule
    from baybridge.node.node import open_node

    node = open_node(folder, database=database)
    try:
        return schedule.is_due(node)
    finally:
        node.storage.close()


def _where(config: Config, to: Path | None, key: str | None) -> tuple[Path, str]:
    """Where a backup goes and the text of the public key, from the options or from node.yaml."""
    from baybridge.node.keeping.backups import fresh_name

    if (to is None or key is None) and config.backup is None:
        fail("expected --to and --key, or `backup` with `to` and `key` in node.yaml; make a key with: baybridge backup-key OUT")
    known = config.backup
    to = to or (known.folder / fresh_name(config.site.node) if known else Path())
    if key is not None and key.startswith("age1"):
        return to, key
    file = Path(key) if key is not None else known.key if known else Path()
    return to, _text_of(file)


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as problem:
        fail(f"{file}: expected a file with a key, found one that cannot be read ({why(problem)})")


@click.command("verify-backup", cls=Thorough)
@click.argument("file", metavar="PATH", type=click.Path(exists=True, path_type=Path))
@click.option("--key", required=True, type=_FILE, help="The file with the private key.")
@click.option("--of", "node", help="Whose newest backup is read, where PATH is a folder with backups of several nodes.")
@click.option("--json", "as_json", is_flag=True)
def verify_backup(file: Path, key: Path, node: str | None, *, as_json: bool) -> None:
    """Read a backup, or the newest of a folder, to its last byte and check the ledger in it. It is unpacked into the temporary folder (TMPDIR) and removed again."""
    from baybridge.node.keeping import packing, restoring

    if file.is_dir():
        file = _newest(file, node)
    try:
        found = restoring.verify(file, packing.identity(_text_of(key)))
    except packing.BackupProblem as problem:
        if as_json:
            click.echo(json.dumps({"backup": str(file), "sound": False, "problem": str(problem)}))
        fail(str(problem), printed=as_json)
    except OSError as problem:
        fail(f"{file.name} could not be looked at: {problem.filename or 'the temporary folder (TMPDIR)'}: {why(problem)}")
    if as_json:
        click.echo(json.dumps(found.made.as_json() | {"sound": found.sound, "problems": [one.reason.code for one in found.findings]}))
    if not found.sound:
        fail(f"{file.name}: the check of its ledger has {len(found.findings)} findings. {_told(found.findings)}", printed=as_json)
    if not as_json:
        click.echo(f"{file.name} holds: {found.made.log_size} log entries, schema {found.made.schema}, SHA-256 {found.made.sha256}")


def _newest(folder: Path, node: str | None) -> Path:
    """The newest backup of a node in a folder, by the moment in its name, or the end where there is none, or backups of several nodes and none named."""
    from baybridge.node.keeping import retention

    of = retention.nodes_of(folder.iterdir())
    if node is None and len(of) > 1:
        fail(f"{folder}: expected backups of one node, found those of {', '.join(of)}; say which with --of")
    dated = [(at, file) for file in folder.iterdir() for name in of if node in (None, name) and (at := retention.made_at(file, name)) is not None]
    if not dated:
        fail(f"{folder}: expected a backup{f' of {node}' if node else ''} whose name ends in .backup.age, found none")
    return max(dated)[1]


class _Restore(click.Group):
    """`restore PATH …`, and `restore accept DIR …`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What is no word of ours is what is restored."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["backup", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Restore)
def restore() -> None:
    """Bring a node back: `restore PATH --key PRIVATE --to NEWDIR`, on any machine; `restore accept DIR` where neighbours had seen more."""


@restore.command("backup", cls=Thorough, hidden=True)
@click.argument("file", metavar="PATH", type=_FILE)
@click.option("--key", required=True, type=_FILE, help="The file with the private key.")
@click.option("--to", "to", required=True, type=click.Path(path_type=Path), help="A folder that is not there yet.")
@click.option("--database", callback=without_password, help="URL of an empty PostgreSQL database; an SQLite file in the folder without it.")
@click.option("--factors-key", "factors", type=_FILE, help="The node's keys/factors.key, from where it is kept apart.")
@click.option("--despite-findings", is_flag=True, help="Restore although the check of the ledger finds something; it is looked into afterwards.")
@click.option("--json", "as_json", is_flag=True)
def restore_backup(file: Path, key: Path, to: Path, database: str | None, factors: Path | None, *, despite_findings: bool, as_json: bool) -> None:
    """Make a node folder of a backup; its ledger is checked, and neighbours are asked how much more they had seen."""
    from baybridge.node.config import ConfigProblem, read_settings
    from baybridge.node.keeping import packing, restoring
    from baybridge.node.neighbours.transport import post
    from baybridge.node.steps import Walk

    try:
        done = restoring.restore(
            file, packing.identity(_text_of(key)), to, Walk.of(read_settings()), post, database=database, factors=factors, despite_findings=despite_findings
        )
    except (packing.BackupProblem, ConfigProblem) as problem:
        fail(str(problem))
    except restoring.UnsoundBackupError as problem:
        fail(
            f"Nothing was restored: the check of the ledger has {len(problem.findings)} findings. {_told(problem.findings)} "
            "Take another backup, or go on with --despite-findings"
        )
    except OSError as problem:
        fail(f"nothing was restored: {problem.filename or to}: {why(problem)}")
    told = ("node", "seen_size", "gap", "differs", "newer_keys")
    neighbours = [{name: getattr(one, name) for name in told} for one in done.standing.neighbours]
    answer = done.made.as_json() | {"folder": str(to), "neighbours": neighbours, "state": done.standing.state, "bring": list(done.bring)}
    click.echo(json.dumps(answer) if as_json else "\n".join(_restored(done)))


def _restored(done: Restored) -> list[str]:
    """What an operator reads after a restoration: how it stands, what is to be brought, what to do next."""
    said = [f"Restored to {done.folder}: {done.made.log_size} log entries, and the ledger holds."]
    for one in done.standing.neighbours:
        if one.seen_size is None:
            said.append(f"{one.node} did not answer: whether it had seen more is not known.")
        elif one.gap or one.differs:
            more = f"{one.gap} entries more" if one.gap else "another history"
            said.append(f"{one.node} had seen {one.seen_size} entries of this log: {more} than were restored.")
    newer = [one.node for one in done.standing.neighbours if one.newer_keys]
    if newer:
        said.append(
            f"A key of this node was replaced after this backup was made. {', '.join(newer)}: newer ones are known there, and nothing is taken that those of the backup "
            "sign from now on. "
            f"Without a newer backup, once the gap is accepted: baybridge key rotate signing --node {done.folder} --reason TEXT; then each neighbour gives "
            "baybridge neighbour remove NAME --reason TEXT, and baybridge neighbour add URL --fingerprint SHA256 with the fingerprint that you read out "
            f"(baybridge neighbour fingerprint --node {done.folder})."
        )
    if done.standing.closed:
        said.append(
            "Until two persons accept that, the node shows records and takes nothing in. Is there a newer backup? "
            f"If not, and once the neighbours were asked what happened since: baybridge restore accept {done.folder} --reason TEXT --account NAME"
        )
    elif not done.standing.neighbours:
        said.append("This node has no neighbour, so nobody could be asked whether something is lacking.")
    said += [
        f"{name} is in no backup: bring it from where it is kept apart, before the node is served. "
        "Without it each second factor is set up anew: baybridge user reset ACCOUNT --second-factor"
        for name in done.bring
    ]
    said.append("Bring also: certificates of the web server and the settings of its service. What was erased since the backup is erased again by whoever erased it.")
    return said


@restore.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--reason", required=True)
@click.option("--account", required=True, help="Sign-in name of the person who accepts; another person gives the same command within 15 minutes.")
@click.option("--json", "as_json", is_flag=True)
def accept(folder: Path, reason: str, account: str, *, as_json: bool) -> None:
    """Accept that what a restored node lacks is gone, by two persons one after the other; the neighbours are told."""
    from baybridge.base.outcome import Refusal
    from baybridge.cli.records import open_or_fail
    from baybridge.cli.saying import proof, say_refusal
    from baybridge.node.keeping import standing
    from baybridge.node.people import proving

    node = open_or_fail(folder, reaching=True)
    actor = proving.prove(node, account, *proof(), via="shell")
    done = actor if isinstance(actor, Refusal) else standing.accept(node, reason, actor)
    if isinstance(done, Refusal):
        say_refusal(node, done, as_json=as_json)
    if done is None:
        click.echo(json.dumps({"state": "asked"}) if as_json else "Noted. A second person gives the same command within 15 minutes.")
        return
    told = standing.tell(node)
    silent = [one.node for one in told if not one.told]
    said = "Accepted; the node takes entries again." + (f" Not told yet, and told when they answer: {', '.join(silent)}." if silent else "")
    click.echo(json.dumps({"state": done.state, "told": [one.node for one in told if one.told], "not_told": silent}) if as_json else said)
