"""Rendering: templates, texts, dates and money as the reader writes them.

Main job: `render(asked, template, **values)` and `refused(asked, refusal)`; every text on a page comes through `t(key)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse, RedirectResponse, Response

from baybridge.base.outcome import Category, Refusal
from baybridge.journey.command import Role
from baybridge.node.doors import LANGUAGES, Asked
from baybridge.node.texts import Texts

if TYPE_CHECKING:
    from baybridge.node.node import Node

HERE = Path(__file__).parent
STATIC = HERE / "static"
_LOCALES = {"en": "en_GB", "zh-Hant": "zh_Hant_HK", "zh-Hans": "zh_Hans_CN", "pt": "pt_PT"}
LANGUAGE_NAMES = {"en": "English", "zh-Hant": "繁體中文", "zh-Hans": "简体中文", "pt": "Português"}

#: Which entries of the main menu each role sees, in order: (translation key, address).
MENU: Mapping[Role, tuple[tuple[str, str], ...]] = {
    role: (
        ("menu.tasks", "/"),
        ("menu.cases", "/cases"),
        *((("menu.import", "/import"),) if role in (Role.COORDINATOR, Role.PHYSICIAN, Role.LABORATORY) else ()),
        ("menu.policies", "/policies"),
        ("menu.log", "/log"),
    )
    for role in Role
} | {
    Role.PATIENT: (("menu.my_case", "/cases"), ("menu.policies", "/policies"), ("menu.log", "/log")),
    Role.PAYER: (("menu.cases", "/cases"), ("menu.policies", "/policies"), ("menu.log", "/log")),
    Role.ALLIANCE: (("menu.policies", "/policies"), ("menu.log", "/log")),
    Role.ADMINISTRATOR: (("menu.policies", "/policies"), ("menu.log", "/log")),
}


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["reference"] = lambda text: str(text).replace("/", "-")
    return environment


@lru_cache(maxsize=8)
def texts_of(node: Node) -> Texts:
    """The sentences of a node, read once."""
    return Texts(node.documents)


class Reader:
    """How one reader's page says texts, dates, numbers and money."""

    def __init__(self, asked: Asked) -> None:
        self._texts = texts_of(asked.node)
        self.language = asked.language
        self._locale = Locale.parse(_LOCALES[asked.language])
        self._zone = asked.node.site.zone

    def t(self, key: str, **values: Any) -> str:
        """The sentence of a key."""
        return self._texts.say(self.language, key, values)

    def known(self, key: str) -> bool:
        """Whether a key has a sentence."""
        return self._texts.known(key)

    def code(self, prefix: str, value: object) -> str:
        """The word for a code, e.g. a stage or role; the code itself where there is no word."""
        key = f"{prefix}.{value}"
        return self._texts.say(self.language, key) if self._texts.known(key) else str(value)

    def day(self, value: date | datetime | str | None) -> str:
        """A date as this reader writes it."""
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            value = value.astimezone(self._zone).date()
        return format_date(value, "medium", locale=self._locale) if value else "–"

    def moment(self, value: datetime | str | None) -> str:
        """A time at this node as this reader writes it."""
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        return format_datetime(value.astimezone(self._zone), "yyyy-MM-dd HH:mm", locale=self._locale) if value else "–"

    def money(self, minor: int, currency: str) -> str:
        """An amount as this reader writes it; exact, from minor units."""
        from decimal import Decimal

        return format_currency(Decimal(minor).scaleb(-2), currency, locale=self._locale, currency_digits=True)

    def number(self, value: Any) -> str:
        """A number as this reader writes it."""
        return format_decimal(value, locale=self._locale, decimal_quantization=False) if isinstance(value, int | float) else str(value)

    def title(self, titles: Mapping[str, str] | str | None) -> str:
        """One of several languages of a document's text."""
        if not titles:
            return ""
        return titles if isinstance(titles, str) else titles.get(self.language) or titles.get("en") or next(iter(titles.values()))


def render(asked: Asked, template: str, status: int = 200, /, **values: Any) -> Response:
    """A page."""
    reader = Reader(asked)
    role = asked.actor.role if asked.actor else None
    body = _environment().get_template(template).render(
        asked=asked,
        r=reader,
        t=reader.t,
        language=asked.language,
        languages=LANGUAGE_NAMES,
        menu=MENU.get(role, ()) if role else (),
        site=asked.node.site,
        **values,
    )
    response = HTMLResponse(body, status, headers={"cache-control": "no-store"})
    if asked.query.get("language") in LANGUAGES:
        response.set_cookie("language", asked.query["language"], samesite="lax", httponly=True)
    return response


def refused(asked: Asked, refusal: Refusal) -> Response:
    """A refusal as a page; an unsigned reader is asked to sign in."""
    if refusal.category is Category.UNAUTHENTICATED and asked.method == "GET":
        return RedirectResponse("/sign-in", 303)
    sentences = [(texts_of(asked.node).reason(asked.language, reason), reason) for reason in refusal.reasons]
    return render(asked, "refusal.html", refusal.surface.http_status, refusal=refusal, sentences=sentences)


def go(address: str) -> Response:
    """Send the reader on after a form was handled."""
    return RedirectResponse(address, 303)
