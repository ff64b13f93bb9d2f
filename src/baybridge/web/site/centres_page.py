"""Centres that treat, with only what sources say about them; what nobody established is shown as not established.

Main job: `CENTRE_DOORS`. Rows are the directory's; null in it is "not established", an empty list "asked, and none".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from starlette.responses import Response

from baybridge.base.ids import ProductId
from baybridge.base.outcome import Category, Reason, refuse
from baybridge.facts.fhir import items, mapping
from baybridge.http.doors import Asked, Door
from baybridge.web.page.page import Reader, refused, render

#: What a family asks of a hospital, in that order. Source: mission M14.
ASKED = ("accreditations", "offers", "capacity", "languages", "international_desk", "accommodation", "visa_help")

Json = Mapping[str, object]


def centre_list(asked: Asked) -> Response:
    """Every centre by region and name; a product or a region narrows the list."""
    product, place = asked.query.get("product", ""), asked.query.get("place", "")
    rows = [row for row in centres(asked) if place in ("", _region(row)) and (not product or product in offered(row))]
    rows.sort(key=lambda row: (bool(row.get("synthetic")), _region(row), not row.get("offers"), name_of(asked, row)))
    products = asked.node.documents.typed.products
    known = sorted({name for row in centres(asked) for name in offered(row)})
    return render(
        asked,
        "centres.html",
        rows=[_listed(asked, row) for row in rows],
        products={name: Reader(asked).title(products[name].names) for name in known if name in products},
        product=product,
        place=place,
        places=sorted({_region(row) for row in centres(asked)}),
    )


def centre_page(asked: Asked) -> Response:
    """One centre, each row with its source and day."""
    name = asked.parameters["centre_id"]
    row = next((row for row in centres(asked) if row["id"] == name), None)
    if row is None:
        return refused(asked, refuse(Reason("matching.centre.unknown", {"centre": name[:40]}), category=Category.NOT_FOUND))
    products, languages = asked.node.documents.typed.products, asked.node.languages
    reader = Reader(asked)
    return render(
        asked,
        "centre.html",
        row=row,
        name=name_of(asked, row),
        place=place_of(asked, row),
        product_names={product: reader.title(products[product].names) for product in offered(row) if product in products},
        speaks=[languages[code].name if code in languages else code for code in _codes(row, "languages")],
        today=asked.node.now().astimezone(asked.node.site.zone).date(),
        day=lambda value: reader.day(value) if isinstance(value, date) else str(value),
    )


def centres(asked: Asked) -> list[Json]:
    """The directory's rows that treat patients."""
    rows = items(asked.node.documents.typed.written("directory")["organisations"].get("organisations"))
    return [dict(row) for row in rows if "centre" in _codes(row, "kinds")]


def _codes(row: Json, name: str) -> list[str]:
    """The codes of a field; empty where nobody established any."""
    found = row.get(name)
    return [str(code) for code in found] if isinstance(found, list) else []


def _region(row: Json) -> str:
    return str(row["jurisdiction"])


def offered(row: Json) -> tuple[ProductId, ...]:
    """The products that a source says a centre offers."""
    return tuple(ProductId(str(offer["product"])) for offer in items(row.get("offers")))


def name_of(asked: Asked, row: Json) -> str:
    """What a centre is called in the reader's language."""
    return Reader(asked).title({"en": str(row["name"]), **{language: str(name) for language, name in mapping(row.get("names")).items()}})


def place_of(asked: Asked, row: Mapping[str, object]) -> str:
    """Region and city, once where both are called the same."""
    reader = Reader(asked)
    return ", ".join(dict.fromkeys(filter(None, (reader.code("code", row["jurisdiction"]), reader.code("city", row["city"]) if row.get("city") else ""))))


@dataclass(frozen=True, slots=True)
class Listed:
    """A centre in the list: what a source establishes of what families ask, and what none does."""

    row: Json
    name: str
    place: str
    products: tuple[str, ...]
    known: tuple[str, ...]
    unknown: tuple[str, ...]


def _listed(asked: Asked, row: Json) -> Listed:
    products, reader = asked.node.documents.typed.products, Reader(asked)
    titles = tuple(reader.title(products[name].names) for name in offered(row) if name in products)
    beside = [name for name in ASKED if name != "offers"]
    known = tuple(name for name in beside if row.get(name) is not None)
    return Listed(row, name_of(asked, row), place_of(asked, row), titles, known, tuple(name for name in beside if name not in known))


CENTRE_DOORS = (
    Door("/centres", ("GET",), "centres", "centre.read", centre_list),
    Door("/centres/{centre_id}", ("GET",), "centre.page", "centre.read", centre_page),
)
