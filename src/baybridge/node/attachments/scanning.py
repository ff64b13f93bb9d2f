"""The site's scanner looks at each attachment before anybody opens it.

Main job: `SCAN`, a consequence of every attachment: the command of `BAYBRIDGE_SCAN` gets the file on standard input. 0 says clean; what says that it gave no answer
(2, 126, 127, a signal, silence for two minutes) leaves the file held, and it is asked again; every other code says refused.

It runs outside every request and transaction, in a lane of its own, at least once after any restart.
**Source**: contract K12; the codes are those of clamdscan(1): 0 no virus, 1 virus, 2 an error occurred; 126 and 127 are the shell's for a command that cannot be run.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from baybridge.journey.attachments import waiting
from baybridge.journey.events import AttachmentScanned, DocumentAttached, DocumentReceived
from baybridge.node.attachments import files
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.upkeep import projections

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_LONGEST_S = 120  # for one file; convention of this project
_NO_ANSWER = frozenset({2, 126, 127})
Outcome = Literal["clean", "refused"]


class ScannerSilentError(Exception):
    """The scanner gave no answer; the file stays held."""


def _scan(node: Node, consequence: Consequence) -> Mapping[str, Outcome]:
    """The answers for what waits on the case; ScannerSilentError where one is missing."""
    case = node.case(consequence.case_id)
    return {event.attachment: _answer(node, consequence.case_id, event) for event in waiting(case)} if case else {}


def _answer(node: Node, case_id: str, event: DocumentAttached) -> Outcome:
    command = shlex.split(node.config.settings.get("BAYBRIDGE_SCAN", ""))
    content = files.found(node.config.folder, case_id, event.sha256)
    if not command or content is None:
        raise ScannerSilentError
    code = _run(command, content)
    if code is None or code < 0 or code in _NO_ANSWER:
        raise ScannerSilentError
    return "refused" if code else "clean"


def _run(command: list[str], content: bytes) -> int | None:
    """The exit code of the scanner; None where it could not be run or did not end in time. It and what it started are ended then."""
    try:
        running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - the site's own command
    except OSError:
        return None
    try:
        running.communicate(content, timeout=_LONGEST_S)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        return None
    return running.returncode


def _answered(node: Node, unit: Unit, consequence: Consequence, answers: Mapping[str, Outcome]) -> None:
    """Write the answers for what still waits."""
    events, case = unit.known(consequence.case_id)
    wanted = [event.attachment for event in waiting(case) if event.attachment in answers]
    if wanted:
        said = [AttachmentScanned(attachment=name, outcome=answers[name]) for name in wanted]
        unit.append(consequence.case_id, said, node.system(), known=len(events))
        projections.project(unit, consequence.case_id)


SCAN = ConsequenceRow("attachment-scan", Lane.SLOW, _answered, prepare=_scan, after=frozenset({DocumentAttached, DocumentReceived}))
