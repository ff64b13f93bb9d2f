"""Documents that people bring to a case: the list, the upload from a computer or a phone's camera, and each file.

Main job: `attachments(view)` and `ATTACHMENT_DOORS`. A file goes out under the type that was found in its content, as a download; PDF and pictures may be shown.
Its own name is not kept, because it often holds the patient's. **Source**: contract K12.
"""

from __future__ import annotations

from starlette.responses import Response

from baybridge.base.ids import mark_of
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.http import answers, bodies
from baybridge.http.doors import Asked, Door
from baybridge.journey.attachments import AttachDocument, attached
from baybridge.journey.case import Case
from baybridge.journey.events import DocumentAttached
from baybridge.node.attachments import receiving
from baybridge.node.attachments.media import ENDINGS
from baybridge.node.commands.table import COMMANDS
from baybridge.node.upkeep.served import is_scanned
from baybridge.web.case.view import CaseView, allowed
from baybridge.web.page.page import go, refused

#: What a browser shows itself; everything else is a download. Source: contract K12.
_SHOWN = frozenset({"application/pdf", "image/png", "image/jpeg"})
LARGEST = receiving.LARGEST_MB * receiving.MEGABYTE + bodies.UNSIGNED  # the file, and the rest of the form


def attachments(view: CaseView) -> Response:
    """What stands on the case, what was struck through, and the form to add a file."""
    struck = [one for one in view.case.struck if isinstance(one.entry.event, DocumentAttached)]
    may_add = view.until is None and allowed(view.asked, COMMANDS[AttachDocument.__name__])
    return view.render(
        "attachments.html", attached=attached(view.case)[::-1], struck=struck[::-1], kinds=receiving.KINDS, may_add=may_add, accepted=",".join(ENDINGS),
        shown=_SHOWN, limit_mb=receiving.LARGEST_MB, new=view.asked.query.get("new", ""), scans=is_scanned(view.asked.node.config),
    )  # fmt: skip


def attach(asked: Asked, tab: str = "attachments") -> Response:
    """Take a file in: 201 with what it is, or back to the page of this tab for who came from there."""
    upload = asked.uploads.get("file")
    if upload is None:
        return refused_here(asked, refuse(Reason("attachment.no_file", where="file"), category=Category.INVALID), tab)
    done = receiving.receive(asked.node, asked.person, asked.parameters["case_id"], asked.form.get("kind", ""), upload.content)
    if isinstance(done, Refusal):
        return refused_here(asked, done, tab)
    if _reads_pages(asked):
        return go(f"/cases/{asked.parameters['case_id']}/{tab}?new={done.attachment.id}")
    return answers.answer(done.as_json(), 200 if done.before else 201)


def attachment(asked: Asked, tab: str = "attachments") -> Response:
    """One file, as a download; shown where it was asked for and is of a kind that may be."""
    case_id = asked.parameters["case_id"]
    found = receiving.opened(asked.node, asked.node.case(case_id) or Case(case_id), asked.parameters["attachment"])
    if isinstance(found, Refusal):
        return refused_here(asked, found, tab)
    event = found.attachment.entry.event
    how = "inline" if event.media_type in _SHOWN and asked.query.get("show") == "yes" else "attachment"
    name = f"baybridge-{event.kind}-{mark_of(case_id)}{ENDINGS[event.media_type]}"
    media_type = "text/plain; charset=utf-8" if event.media_type == "text/plain" else event.media_type
    headers = {"content-disposition": f'{how}; filename="{name}"', "cache-control": "no-store"}
    return Response(found.content, media_type=media_type, headers=headers)


def _reads_pages(asked: Asked) -> bool:
    return "text/html" in asked.headers.get("accept", "")


def refused_here(asked: Asked, refusal: Refusal, tab: str = "attachments") -> Response:
    """A refusal for a person as a page that leads back to where the documents are, for a program as JSON."""
    if not _reads_pages(asked):
        return answers.refused(asked, refusal)
    may_return = refusal.category not in (Category.UNAUTHENTICATED, Category.FORBIDDEN)
    return refused(asked, refusal, back=(f"/cases/{asked.parameters['case_id']}/{tab}", f"tab.{tab}") if may_return else None)


ATTACHMENT_DOORS = (
    Door("/cases/{case_id}/attachments", ("POST",), "case.attach", "case.attachments", attach, largest=LARGEST, refused=refused_here),
    Door("/cases/{case_id}/attachments/{attachment}", ("GET",), "case.attachment", "case.attachments", attachment, refused=refused_here),
)
