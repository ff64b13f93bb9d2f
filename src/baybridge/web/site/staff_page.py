"""A staff list brought by an administrator: what it would bring is shown first, and confirmed as it was shown.

Main job: `STAFF_DOORS`. Elsewhere: what a list does, `node/people/staff_list.py`.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode

from starlette.responses import Response

from baybridge.base.outcome import Reason
from baybridge.http import bodies
from baybridge.http.doors import Asked, Door
from baybridge.node.people import staff_list
from baybridge.node.people.staff_file import COLUMNS
from baybridge.node.people.staff_list import StaffReport
from baybridge.web.page.page import Reader, render


def empty(asked: Asked) -> Response:
    """The form that takes a file."""
    return _show(asked)


def brought(asked: Asked) -> Response:
    """Show what an uploaded file would bring, or bring what was shown."""
    shown = asked.form.get("shown")
    if shown is None:
        upload = asked.uploads.get("file")
        if upload is None or not upload.content:
            return _show(asked, problem=Reason("staff.empty"))
        return _show(asked, staff_list.bring(asked.node, asked.person, upload.content, check=True), upload.content)
    try:
        content = b64decode(asked.form.get("content", ""), validate=True)
    except binascii.Error:
        return _show(asked, problem=Reason("staff.empty"))
    report = staff_list.bring(asked.node, asked.person, content, check=False, shown=shown)
    moved = not report.applied and not report.problems
    return _show(asked, report, content, problem=Reason("staff.moved") if moved else None)


def _show(asked: Asked, report: StaffReport | None = None, content: bytes = b"", problem: Reason | None = None) -> Response:
    wrong = problem is not None or (report is not None and bool(report.problems))
    return render(
        asked,
        "staff.html",
        400 if wrong else 200,
        report=report,
        problem=Reader(asked).reason(problem) if problem else "",
        columns=COLUMNS,
        content=b64encode(content).decode() if report is not None and not report.applied and not report.problems else "",
        links={one.account: f"{asked.node.address}/sign-in/invitation?token={one.invitation}" for one in report.made} if report else {},
    )


STAFF_DOORS = (
    Door("/accounts/staff", ("GET",), "accounts.staff", "accounts.manage", empty),
    Door("/accounts/staff", ("POST",), "accounts.staff.bring", "accounts.manage", brought, largest=bodies.MEGABYTE),
)
