"""Every kind of consequence that this node knows.

Main job: `CONSEQUENCES`, gathered from the modules that do the work. A new kind is a `ConsequenceRow` beside its function, and one line here.
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.node.attachments.proposals import READ
from baybridge.node.attachments.scanning import SCAN
from baybridge.node.attachments.settling import SETTLE
from baybridge.node.commands.courier_codes import CODES_END
from baybridge.node.commands.reopening import DECIDE_AGAIN
from baybridge.node.consequences.row import ConsequenceRow
from baybridge.node.corrections.again import MADE_AGAIN
from baybridge.node.corrections.causes import WITHDRAWN_CAUSES
from baybridge.node.corrections.doses import DOSES_FOLLOW
from baybridge.node.corrections.grades import GRADES_FOLLOW
from baybridge.node.corrections.telling import TELL_ENTRIES, TELL_LATE_RESULTS, TELL_SET_ASIDE
from baybridge.node.intake.importing import IMPORT_RUNS, PLACE_RECORD
from baybridge.node.integrity.daily import DAILY_CHECK
from baybridge.node.messages.outbox import PLAN, SEND
from baybridge.node.neighbours.status import TELL_STATUS
from baybridge.node.neighbours.telling import TELL_CORRECTION, TELL_WITHDRAWAL
from baybridge.node.people.notifications import NOTIFY
from baybridge.node.upkeep.same_day import SAME_DAY
from baybridge.node.watch.leaving import LEAVE
from baybridge.node.watch.watching import CLOCK, LOOK

_ROWS = (
    LOOK, CLOCK, LEAVE, DECIDE_AGAIN, GRADES_FOLLOW, MADE_AGAIN, WITHDRAWN_CAUSES, DOSES_FOLLOW, TELL_ENTRIES, TELL_SET_ASIDE, TELL_LATE_RESULTS, TELL_CORRECTION,
    TELL_WITHDRAWAL, TELL_STATUS, PLACE_RECORD, IMPORT_RUNS, DAILY_CHECK, SAME_DAY, SCAN, READ, SETTLE, PLAN, SEND, NOTIFY, CODES_END,
)  # fmt: skip

CONSEQUENCES: Mapping[str, ConsequenceRow] = {row.name: row for row in _ROWS}
