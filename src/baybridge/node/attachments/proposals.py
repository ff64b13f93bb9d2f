"""What a machine reads in attachments: proposals, kept beside the files until a person looks at the page.

Main job: `READ`, a consequence of every attachment that may be opened; `found(node, case, attachment)` and `of_case` for the rule.

The file is parsed in a process of its own (`reader.py`). Proposals stand in no table and no event, so that no fact, export, pack or copy knows them; they can be made
again from the file. **Source**: contract K12.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from baybridge.base import decoding
from baybridge.base.outcome import Reason
from baybridge.documents.printed import Printed
from baybridge.facts.given import read_given, set_aside
from baybridge.facts.proposing import Box, Line, propose
from baybridge.journey.attachments import Attached, attached
from baybridge.journey.case import Case
from baybridge.journey.command import ProposedValue
from baybridge.journey.events import AttachmentScanned, DocumentAttached, DocumentReceived, ProposalConfirmed
from baybridge.ledger import streams
from baybridge.node.attachments import files
from baybridge.node.config import write_private
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane

if TYPE_CHECKING:
    from baybridge.facts.dictionary import Dictionary
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_FOLDER = "proposals"
_LONGEST_S = 300  # for one document; convention of this project
#: Forms that people sign hold no values.
_NOT_READ = frozenset({"consent", "permit"})
#: What reads each type of file, by the module that an extra brings; DICOM is read by nothing.
_READERS = {
    "application/pdf": ("pypdfium2", "rapidocr"), "image/png": ("rapidocr",), "image/jpeg": ("rapidocr",), "image/tiff": ("rapidocr",), "text/plain": (),
}  # fmt: skip
Why = Literal["", "several-persons", "unreadable", "not-installed", "not-read", "waits"]


class Kept(Struct, frozen=True, kw_only=True):
    """A proposal as it is kept."""

    proposal: str
    fact: str
    value: str
    unit: str
    page: int
    box: Box


class Read(Struct, frozen=True, kw_only=True):
    """What one document proposes, or why nothing."""

    why: Why = ""
    proposals: tuple[Kept, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal, and whether a person has confirmed it."""

    kept: Kept
    state: Literal["open", "confirmed"]

    def as_json(self) -> dict[str, object]:
        """As the contract prints it."""
        return {**msgspec.to_builtins(self.kept), "state": self.state}


def found(node: Node, case: Case, one: Attached) -> tuple[Why, tuple[Proposal, ...]]:
    """What an attachment proposes, or why nothing."""
    event = one.entry.event
    if one.state != "clean":
        return "waits", ()
    if event.kind in _NOT_READ or event.media_type not in _READERS:
        return "not-read", ()
    read = _kept(node.config.folder, case.case_id, event.sha256)
    if read is None:
        return ("waits" if installed(event.media_type) else "not-installed"), ()
    confirmed = {entry.event.proposal for entry in case.of(ProposalConfirmed)}
    return read.why, tuple(Proposal(kept, "confirmed" if kept.proposal in confirmed else "open") for kept in read.proposals)


def installed(media_type: str) -> bool:
    """Whether this type of file can be read here."""
    return all(find_spec(module) is not None for module in _READERS.get(media_type, ()))


def drawn(media_type: str) -> bool:
    """Whether single pages of this type can be drawn here."""
    return media_type in ("application/pdf", "image/tiff") and installed(media_type)


def of_case(node: Node, case: Case, proposal: str) -> ProposedValue | None:
    """The proposal of this id, of an attachment that stands and may be opened."""
    for one in attached(case):
        for mine in found(node, case, one)[1]:
            if mine.kept.proposal == proposal:
                return ProposedValue(one.id, mine.kept.fact)
    return None


def unfit(dictionary: Dictionary, fact: str, value: str, unit: str) -> Sequence[Reason]:
    """What is wrong with a value in a unit for a fact."""
    try:
        number = decoding.decode(value, float)
    except msgspec.DecodeError:
        return (Reason("attachment.proposal_no_number", where="value"),)
    values, problems = read_given({fact: {"value": number, "unit": unit}}, dictionary)
    return (*problems, *set_aside(values, dictionary)[1])


def _place(folder: Path, case_id: str, digest: str) -> Path:
    return folder / _FOLDER / files.folder_name(case_id) / f"{digest}.json"


def _kept(folder: Path, case_id: str, digest: str) -> Read | None:
    try:
        return decoding.decode(_place(folder, case_id, digest).read_bytes(), Read)
    except (OSError, msgspec.MsgspecError):
        return None


def take_away(folder: Path, case_id: str, digest: str) -> None:
    """Take away what a content proposed."""
    _place(folder, case_id, digest).unlink(missing_ok=True)


# --- reading --------------------------------------------------------------------------------------------------------


def _read(node: Node, consequence: Consequence) -> None:
    """Read what may be opened and was not read yet."""
    case = node.case(consequence.case_id)
    for one in attached(case) if case is not None else ():
        event = one.entry.event
        if case is None or not _is_unread(node, case, one):
            continue
        content = files.found(node.config.folder, case.case_id, event.sha256)
        if content is not None:
            read = _proposed(node, event, content)
            write_private(_place(node.config.folder, case.case_id, event.sha256), msgspec.json.encode(read).decode())


def catch_up(node: Node) -> int:
    """Queue the reading of documents that may be opened and were never read: the extra came later, or the node was restored; how many cases have such."""
    with node.storage.reading() as connection:
        names = streams.cases_with(connection, (DocumentAttached.__name__, DocumentReceived.__name__))
    cases = [case for case in map(node.case, names) if case is not None and any(_is_unread(node, case, one) for one in attached(case))]
    if cases:
        with node.unit() as unit:
            for case in cases:
                unit.follow(READ.name, case.case_id, consequence_id=f"unread/{case.case_id}")
    return len(cases)


def _is_unread(node: Node, case: Case, one: Attached) -> bool:
    """Whether an attachment may be opened, can be read here and was not; one whose file is gone is found by the check of the ledger."""
    there = one.state == "clean" and files.is_there(node.config.folder, case.case_id, one.entry.event.sha256)
    return there and found(node, case, one)[0] == "waits"


def _proposed(node: Node, event: DocumentAttached, content: bytes) -> Read:
    lines = _lines(event.media_type, content)
    if lines is None:
        return Read(why="unreadable")
    outcome = propose(lines, node.dictionary, node.documents.typed.the(Printed))
    kept = tuple(
        Kept(proposal=f"{event.sha256[:16]}-{number}", fact=one.fact, value=one.value, unit=one.unit, page=one.page, box=one.box)
        for number, one in enumerate(outcome.proposals)
    )
    return Read(why=outcome.why, proposals=kept)


def _lines(media_type: str, content: bytes) -> list[Line] | None:
    """The lines of a file; None where it cannot be read, or not with what a report needs of time and memory."""
    answer = run_reader(content, media_type)
    try:
        return None if answer is None else decoding.decode(answer, list[Line])
    except msgspec.MsgspecError:
        return None


def run_reader(content: bytes, *arguments: str) -> bytes | None:
    """What the reader writes of a file; None where it fails or does not end in time."""
    command = [sys.executable, "-m", "baybridge.node.attachments.reader", *arguments]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=_LONGEST_S, check=False)  # noqa: S603 - our own module
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _nothing(_node: Node, _unit: Unit, _consequence: Consequence, _prepared: None) -> None:
    """It was read; the row goes."""


READ = ConsequenceRow("attachment-read", Lane.READER, _nothing, prepare=_read, after=frozenset({DocumentAttached, DocumentReceived, AttachmentScanned}))
