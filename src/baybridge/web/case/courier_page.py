"""The one-time code of a courier: made on the page of the cells, shown once.

Main job: `COURIER_DOORS`. Elsewhere: codes in `node/commands/courier_codes.py`, what the code confirms in `supply/couriers.py`.
"""

from __future__ import annotations

from starlette.responses import Response

from baybridge.base.outcome import Refusal
from baybridge.http.doors import Asked, Door
from baybridge.node.commands import courier_codes
from baybridge.web.case import tabs
from baybridge.web.case.view import with_view
from baybridge.web.page.page import refused


def make(asked: Asked) -> Response:
    """A fresh code, on a page that is kept nowhere."""
    made = courier_codes.make(asked.node, asked.person, asked.parameters["case_id"], asked.parameters["shipment"])
    if isinstance(made, Refusal):
        return refused(asked, made)
    return with_view(asked, lambda view: view.render("courier.html", made=made, back=tabs.address(view.case.case_id, "cells")), "cells")


COURIER_DOORS = (Door("/cases/{case_id}/courier/{shipment}", ("POST",), "case.courier", "case.courier", make),)
