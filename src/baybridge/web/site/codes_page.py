"""Codes that no rule can read yet: how often, an example, what they may mean, and a form to sign what one means; signed mappings below.

Main job: `CODE_DOORS`. Elsewhere: what a mapping does in `node/intake/codes.py`; suggestions in `record/feeds/code_mapping.py`.
"""

from __future__ import annotations

from starlette.responses import Response

from baybridge.base.outcome import Refusal
from baybridge.http.doors import Asked, Door
from baybridge.node.intake import codes
from baybridge.record.feeds.code_mapping import LOINC, Unmapped
from baybridge.web.page.measured import value_of
from baybridge.web.page.page import Reader, go, render

_SHOWN = 100  # codes on one page, the most frequent first


def listed(asked: Asked) -> Response:
    """The work list and the signed mappings."""
    return _page(asked, {}, None)


def signed(asked: Asked) -> Response:
    """Sign what a code means; a refusal shows the form again with every reason."""
    done = codes.map_code(asked.node, asked.person, asked.form)
    return _page(asked, asked.form, done) if isinstance(done, Refusal) else go(f"/codes?done=signed&results={done.results}")


def undone(asked: Asked) -> Response:
    """Take a mapping back."""
    done = codes.undo_mapping(asked.node, asked.person, asked.form.get("mapping", ""), asked.form.get("because", ""))
    return _page(asked, asked.form, done) if isinstance(done, Refusal) else go(f"/codes?done=undone&results={done.results}")


def _page(asked: Asked, given: object, refusal: Refusal | None) -> Response:
    waiting = codes.waiting(asked.node)
    reader = Reader(asked)
    told = asked.query.get("done", "")
    results = asked.query.get("results", "")
    return render(
        asked,
        "codes.html",
        refusal.surface.http_status if refusal else 200,
        rows=[_row(asked, reader, one) for one in waiting[:_SHOWN]],
        more=max(0, len(waiting) - _SHOWN),
        mappings=[{**row, "fact": _meaning(asked, reader, str(row["loinc"]))} for row in codes.mappings(asked.node)],
        may_sign=asked.person.role in codes.SIGNERS,
        given=given,
        sentences=[(reader.reason(reason), reason) for reason in refusal.reasons] if refusal else [],
        told=told if told in ("signed", "undone") else "",
        results=int(results) if results.isascii() and results.isdigit() and len(results) < 9 else 0,
    )


def _row(asked: Asked, reader: Reader, one: Unmapped) -> dict[str, object]:
    near = [
        {"fact": reader.test(item.loinc[0]), "loinc": item.loinc, "likeness": round(item.likeness * 100), "unit": item.unit_fits}
        for item in one.suggestions
    ]
    units = [reader.unit(unit) or unit for unit in one.units]
    return {"one": one, "near": near, "units": units, "example": value_of(asked, one.example or {})}


def _meaning(asked: Asked, reader: Reader, loinc: str) -> str:
    fact = asked.node.dictionary.by_code(LOINC, loinc)
    return reader.test(loinc) if fact else reader.t("codes.no_rule")


CODE_DOORS = (
    Door("/codes", ("GET",), "codes", "codes.list", listed),
    Door("/codes", ("POST",), "codes.sign", "codes.map", signed),
    Door("/codes/undo", ("POST",), "codes.undo", "codes.map", undone),
)
