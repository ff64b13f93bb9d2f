"""What a machine read in a document, beside the page on which it stands, for a person to confirm or leave.

Main job: `PROPOSAL_DOORS`. Elsewhere: what is proposed, `node/attachments/proposals.py`; the command that confirms, `journey/proposed_values.py`.
"""

from __future__ import annotations

from itertools import groupby

from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.http import answers
from baybridge.http.doors import Asked, Door
from baybridge.journey.case import Case
from baybridge.journey.proposed_values import ConfirmProposal
from baybridge.node.attachments import proposals, receiving
from baybridge.node.clock import new_id
from baybridge.node.commands.table import COMMANDS
from baybridge.web.case.view import CaseView, allowed, with_view
from baybridge.web.page.page import refused

_WAYS = {"image/png": "?show=yes", "image/jpeg": "?show=yes"}


def proposed(asked: Asked) -> Response:
    """The proposals of one document: a page for a person, a list for a program."""
    case = asked.node.case(asked.parameters["case_id"]) or Case(asked.parameters["case_id"])
    opened = receiving.opened(asked.node, case, asked.parameters["attachment"])
    if isinstance(opened, Refusal):
        return refused(asked, opened) if _reads_pages(asked) else answers.refused(asked, opened)
    why, found = proposals.found(asked.node, case, opened.attachment)
    if not _reads_pages(asked):
        return answers.answer([one.as_json() for one in found])
    pages = [(number, list(mine)) for number, mine in groupby(sorted(found, key=lambda one: one.kept.page), key=lambda one: one.kept.page)]
    return with_view(asked, lambda view: _page(view, opened, why, pages), "attachments")


def _page(view: CaseView, opened: receiving.Opened, why: proposals.Why, pages: list[tuple[int, list[proposals.Proposal]]]) -> Response:
    event = opened.attachment.entry.event
    address = f"/cases/{view.case.case_id}/attachments/{opened.attachment.id}"
    pictures = {number: f"{address}{_WAYS.get(event.media_type, f'/pages/{number}')}" for number, _ in pages} if event.media_type != "text/plain" else {}
    text = opened.content.decode("utf-8-sig") if event.media_type == "text/plain" else ""
    return view.render(
        "proposals.html", one=opened.attachment, why=why, pages=pages, pictures=pictures, text=text,
        may=not view.read_only and allowed(view.asked, COMMANDS[ConfirmProposal.__name__]), new_id=lambda: new_id(view.asked.node.now),
    )  # fmt: skip


def picture(asked: Asked) -> Response:
    """One page of a document as a picture."""
    case = asked.node.case(asked.parameters["case_id"]) or Case(asked.parameters["case_id"])
    opened = receiving.opened(asked.node, case, asked.parameters["attachment"])
    if isinstance(opened, Refusal):
        return answers.refused(asked, opened)
    media_type = opened.attachment.entry.event.media_type
    drawn = proposals.run_reader(opened.content, media_type, str(asked.parameters["page"])) if proposals.drawn(media_type) else None
    if drawn is None:
        return answers.refused(asked, refuse(Reason("attachment.page_unreadable"), category=Category.NOT_FOUND))
    return Response(drawn, media_type="image/png", headers={"cache-control": "no-store"})


def _reads_pages(asked: Asked) -> bool:
    return "text/html" in asked.headers.get("accept", "")


PROPOSAL_DOORS = (
    Door("/cases/{case_id}/attachments/{attachment}/proposals", ("GET",), "case.proposals", "case.attachments", proposed),
    Door("/cases/{case_id}/attachments/{attachment}/pages/{page:int}", ("GET",), "case.attachment", "case.attachments", picture),
)
