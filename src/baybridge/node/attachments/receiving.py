"""A file comes in: looked at, kept, and attached to its case, or every reason why not.

Main job: `receive(node, actor, case_id, kind, content)` and `found(node, case, attachment)`; both doors and the command line end here.

The file stands on disk before the event that names it, so that no event ever names a file that is not there. What was kept and never attached, because the command was
refused or the process killed, is taken away by a consequence that was queued before the file came (`settling.py`); erasing an attachment queues the same.
**Source**: contracts K12 and K13.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, get_args

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.attachments import AttachDocument, Attached, attached, same
from baybridge.journey.case import Case
from baybridge.journey.command import Actor, Command
from baybridge.journey.events import AttachmentKind, DocumentAttached
from baybridge.node.attachments import files
from baybridge.node.attachments.media import media_type
from baybridge.node.attachments.settling import settle
from baybridge.node.clock import new_id
from baybridge.node.handle import handle

if TYPE_CHECKING:
    from baybridge.node.node import Node

KINDS: tuple[str, ...] = get_args(AttachmentKind)
MEGABYTE = 1024 * 1024
LARGEST_MB = 50  # Source: contract K12
#: How long a file may stand that no attachment names yet. Longer than any command takes; convention of this project.
_UNNAMED_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Answered:
    """An attachment of a case, and whether it was there before."""

    case_id: str
    attachment: Attached
    before: bool

    def as_json(self) -> dict[str, object]:
        """As services and commands print it; `scanned` says whether a scanner looked at what is clean."""
        return as_json(self.attachment)

    def now(self, node: Node) -> Attached:
        """As it stands now, after what followed."""
        case = node.case(self.case_id)
        return next((one for one in attached(case) if one.id == self.attachment.id), self.attachment) if case else self.attachment


def as_json(one: Attached) -> dict[str, object]:
    """An attachment as services and commands print it."""
    event = one.entry.event
    return {
        "attachment": event.attachment, "kind": event.kind, "sha256": event.sha256, "media_type": event.media_type, "bytes": event.bytes,
        "state": one.state, "scanned": one.scanned,
    }  # fmt: skip


def receive(node: Node, actor: Actor, case_id: str, kind: str, content: bytes) -> Answered | Refusal:
    """Attach a file to a case; the same file of the same kind that stands there already is answered and not attached twice."""
    against = list(_against(kind, content))
    if against:
        category = next((one for one in (Category.TOO_LARGE, Category.UNSUPPORTED) if any(found is one for _, found in against)), Category.INVALID)
        return refuse(*(reason for reason, _ in against), category=category)
    case, digest = node.case(case_id), sha256(content).hexdigest()
    if case is None:
        return refuse(Reason("command.no_case"), category=Category.NOT_FOUND)
    standing = same(case, digest, kind)
    if standing is not None:
        return Answered(case_id, standing, before=True)
    with node.unit(drained=False) as unit:
        settle(unit, case_id, digest, after=_UNNAMED_FOR)
    node.step("attachment.announced")
    files.put(node.config.folder, case_id, content)
    node.step("attachment.kept")
    given = {"sha256": digest, "kind": kind}
    done = handle(node, Command(AttachDocument.__name__, case_id, given, actor, new_id(node.now)))
    if isinstance(done, Refusal):
        return done
    made = next(item.event for item in done.events if isinstance(item.event, DocumentAttached))
    now = node.case(case_id) or Case(case_id)
    return Answered(case_id, next(one for one in attached(now) if one.id == made.attachment), before=False)


def _against(kind: str, content: bytes) -> list[tuple[Reason, Category]]:
    """Everything that is wrong with a file and its kind."""
    found: list[tuple[Reason, Category]] = []
    if kind not in KINDS:
        found.append((Reason("attachment.kind", {"found": kind[:40], "known": ", ".join(KINDS)}, where="kind"), Category.INVALID))
    if not content:
        found.append((Reason("attachment.empty", where="file"), Category.INVALID))
    elif len(content) > LARGEST_MB * MEGABYTE:
        found.append((Reason("attachment.too_large", {"limit_mb": LARGEST_MB}, where="file"), Category.TOO_LARGE))
    elif media_type(content) is None:
        found.append((Reason("attachment.media_type", where="file"), Category.UNSUPPORTED))
    return found


@dataclass(frozen=True, slots=True)
class Opened:
    """An attachment with its content."""

    attachment: Attached
    content: bytes


def opened(node: Node, case: Case, attachment: str) -> Opened | Refusal:
    """An attachment of this case that may be opened."""
    one = next((one for one in attached(case) if one.id == attachment), None)
    if one is None:
        struck = any(isinstance(found.entry.event, DocumentAttached) and found.entry.event.attachment == attachment for found in case.struck)
        return refuse(Reason("attachment.struck" if struck else "attachment.unknown"), category=Category.NOT_FOUND)
    if one.state != "clean":
        return refuse(Reason(f"attachment.{one.state}"), category=Category.CONFLICT)
    content = files.found(node.config.folder, case.case_id, one.entry.event.sha256)
    return refuse(Reason("attachment.damaged"), category=Category.CONFLICT) if content is None else Opened(one, content)


# --- taken away where no attachment names it ------------------------------------------------------------------------
