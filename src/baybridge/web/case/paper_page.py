"""What was written on paper while the system did not answer comes in: the code of a filled form opens the form of the command, without any time filled in.

Main job: `PAPER_DOORS`. Elsewhere: the forms with their codes in `downtime_pack.py`.
"""

from __future__ import annotations

from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, refuse
from baybridge.http.doors import Asked, Door
from baybridge.web.case.downtime_pack import read_code
from baybridge.web.page.page import go, refused, render


def paper(asked: Asked) -> Response:
    """The page that takes a code, or the form that the code names."""
    code = asked.query.get("code", "")
    if not code:
        return render(asked, "paper.html")
    found = read_code(code)
    if found is None:
        return refused(asked, refuse(Reason("downtime.refused.code", where="code"), category=Category.INVALID))
    form, case_id = found
    return go(f"/cases/{case_id}/do/Assess?paper=yes" if form == "assess" else f"/cases/{case_id}/cells")


PAPER_DOORS = (Door("/paper", ("GET",), "paper", "case.list", paper),)
