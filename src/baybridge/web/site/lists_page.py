"""Lists as spreadsheets: beside the page of a list the same list as CSV and as XLSX.

Main job: `LIST_DOORS`. Elsewhere: what a list holds and how it is noted, `node/lists/`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from typing import IO

from starlette.responses import Response, StreamingResponse

from baybridge.base.ids import mark_of
from baybridge.base.outcome import Refusal
from baybridge.base.spreadsheet import FORMS, MEDIA_TYPES, Form
from baybridge.http.doors import Asked, Door
from baybridge.node.lists.lists import LISTS, Wanted
from baybridge.node.lists.taking import take
from baybridge.web.page.page import refused

#: Where each list stands beside its page, and the name of its doors.
_PLACES: Mapping[str, tuple[str, str]] = {
    "cases": ("/cases", "cases"),
    "accounts": ("/accounts", "accounts"),
    "looked": ("/cases/{case_id}/looked", "case.looked"),
    "log": ("/log/entries", "log.entries"),
    "indicators": ("/indicators", "indicators"),
    "payer": ("/payer", "payer.work"),
}
_IN_MEMORY, _PIECE = 1 << 20, 1 << 16  # bytes


def list_file(asked: Asked, name: str, form: Form) -> Response:
    """A list as a download, with what the page was filtered by; no patient's name stands in the file's name."""
    wanted = Wanted(name, stage=asked.query.get("stage", ""), case_id=asked.parameters.get("case_id", ""))
    file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(asked.node.config.folder))  # noqa: SIM115 - closed when it has been sent
    done = take(asked.node, asked.person, wanted, form, asked.language, file)
    if isinstance(done, Refusal):
        file.close()
        return refused(asked, done)
    size = file.tell()
    file.seek(0)
    of = mark_of(wanted.case_id).lower() if wanted.case_id else f"{asked.node.now().astimezone(asked.node.site.zone):%Y-%m-%d}"
    headers = {"content-disposition": f'attachment; filename="baybridge-{name}-{of}.{form}"', "content-length": str(size), "cache-control": "no-store"}
    return StreamingResponse(_pieces(file), media_type=MEDIA_TYPES[form], headers=headers)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece


LIST_DOORS = tuple(
    Door(f"{place}.{form}", ("GET",), f"{door}.{form}", LISTS[name].action, partial(list_file, name=name, form=form))
    for name, (place, door) in _PLACES.items()
    for form in FORMS
)
