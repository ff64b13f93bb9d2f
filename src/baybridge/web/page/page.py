"""Rendering: templates, texts, dates and money as the reader writes them.

Main job: `render(asked, template, **values)` and `refused(asked, refusal)`; every text on a page comes through `t(key)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton
from babel.numbers import format_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse, RedirectResponse, Response

from baybridge.base.outcome import Category, Reason, Refusal
from baybridge.documents.loader import Documents
from baybridge.documents.organisations import Payers
from baybridge.documents.patients import Patients
from baybridge.documents.problems import Problem
from baybridge.documents.terms import Drugs
from baybridge.http.doors import Asked
from baybridge.journey.claims import PATIENT
from baybridge.journey.command import Role
from baybridge.journey.events import Signature
from baybridge.language.texts import Texts
from baybridge.node.integrity import daily
from baybridge.node.keeping import downtime, records, schedule, standing
from baybridge.node.keeping.standing import Standing
from baybridge.node.outage import StorageProblem
from baybridge.node.people import access, breaches, kept_forms, two_administrators
from baybridge.node.people.access import PERSONAL
from baybridge.node.people.outside import entering
from baybridge.rulebook.speaker import Saying
from baybridge.web.page import analytes, bell, signers, told
from baybridge.web.page.lateness import span_said
from baybridge.web.page.plainly import plainly

if TYPE_CHECKING:
    from baybridge.node.node import Node

WEB = Path(__file__).resolve().parents[1]
_KEPT_PATHS = re.compile(r"/cases/[^/]+/do/[A-Za-z]+")  # forms that are given back
_OWN_ADDRESS = re.compile(r"/(?![/\\])[!-~]{0,2000}")  # one slash only: two, or a backslash, lead to another host
STATIC = WEB / "page" / "static"
TEMPLATES = tuple(sorted(WEB.glob("*/templates")))

#: Which entries of the main menu each role sees, in order: (translation key, address).
MENU: Mapping[Role, tuple[tuple[str, str], ...]] = {
    role: (
        ("menu.tasks", "/"),
        *((("menu.ward", "/ward"),) if role in (Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST, Role.COORDINATOR, Role.QUALITY) else ()),
        ("menu.cases", "/cases"),
        *((("menu.import", "/import"),) if role in (Role.COORDINATOR, Role.PHYSICIAN, Role.LABORATORY) else ()),
        *((("menu.cards", "/cards"),) if role in (Role.COORDINATOR, Role.PHYSICIAN, Role.LABORATORY) else ()),
        *((("menu.codes", "/codes"),) if role in (Role.COORDINATOR, Role.PHYSICIAN, Role.LABORATORY, Role.QUALITY) else ()),
        ("menu.confirmations", "/confirmations"),
        ("menu.directory", "/directory"),
        ("menu.trials", "/trials"),
        ("menu.centres", "/centres"),
        ("menu.policies", "/policies"),
        ("menu.log", "/log"),
        *((("menu.indicators", "/indicators"), ("menu.exceptions", "/exceptions"), ("menu.safety", "/safety")) if role is Role.QUALITY else ()),
        *((("menu.requests", "/requests"), ("menu.breaches", "/breaches"), ("menu.processing", "/processing")) if role is Role.QUALITY else ()),
        *((("rights.title", "/accounts/rights"),) if role is Role.QUALITY else ()),
        *((("menu.spared", "/spared"),) if role in (Role.QUALITY, Role.COORDINATOR) else ()),
    )
    for role in Role
} | {
    Role.CAREGIVER: (("menu.helped_case", "/cases"), ("menu.centres", "/centres"), ("menu.policies", "/policies"), ("menu.log", "/log")),
    Role.PATIENT: (("menu.my_case", "/cases"), ("menu.centres", "/centres"), ("menu.policies", "/policies"), ("menu.log", "/log")),
    Role.PAYER: (("menu.payer", "/payer"), ("menu.programme", "/payer/programme"), ("menu.lab", "/lab"), ("menu.policies", "/policies"), ("menu.log", "/log")),
    Role.ALLIANCE: (
        ("menu.indicators", "/indicators"),
        ("menu.exceptions", "/exceptions"),
        ("menu.lab", "/lab"),
        ("menu.spared", "/spared"),
        ("menu.safety", "/safety"),
        ("menu.directory", "/directory"),
        ("menu.policies", "/policies"),
        ("menu.log", "/log"),
    ),
    Role.ADMINISTRATOR: (
        ("menu.accounts", "/accounts"),
        ("menu.directory", "/directory"),
        ("menu.documents", "/documents"),
        ("menu.safety", "/safety"),
        ("menu.breaches", "/breaches"),
        ("menu.processing", "/processing"),
        ("menu.operation", "/operation"),
        ("menu.queue", "/queue"),
        ("menu.policies", "/policies"),
        ("menu.log", "/log"),
    ),
}


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        auto_reload=False,  # they are part of the program
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["tone"] = tone
    return environment


def texts_of(node: Node) -> Texts:
    """The sentences of a node, read once for each set of documents."""
    return _texts_of(node.documents)


@lru_cache(maxsize=8)
def _texts_of(documents: Documents) -> Texts:
    return Texts(documents)


@lru_cache(maxsize=32)
def _locale(name: str) -> Locale:
    return Locale.parse(name)


@lru_cache(maxsize=4096)
def _day_said(day: date, locale: Locale) -> str:
    return format_date(day, "medium", locale=locale)


@lru_cache(maxsize=4096)
def _moment_said(clock: datetime, locale: Locale) -> str:
    """A minute by the clock of a node, whatever its zone is called."""
    return format_datetime(clock, "yyyy-MM-dd HH:mm", locale=locale)


def saying_of(asked: Asked) -> Saying:
    """How the reader of a request is spoken to about rules."""
    return Saying(texts_of(asked.node), asked.node.dictionary, asked.language)


class Reader:
    """How one reader's page says texts, dates, numbers and money."""

    def __init__(self, asked: Asked) -> None:
        self._texts = texts_of(asked.node)
        self._node = asked.node
        self.language = asked.language
        self._locale = _locale(self._texts.language(asked.language).locale)
        self._figures = self._texts.figures(asked.language)
        self._zone = asked.node.site.zone
        self._role = asked.actor.role if asked.actor else None

    def signer(self, one: Signature) -> str:
        """Who signed: role and printed name; to a patient by name only where the site's document says so."""
        named = self._role not in PERSONAL or self._node.people.who_looked.staff_names
        name = self._signers.get(one.person) if named else None
        role = self.code("role", one.role)
        return f"{name} ({role})" if name else role

    @cached_property
    def _signers(self) -> dict[str, str]:
        return signers.names(self._node)

    def t(self, key: str, **values: object) -> str:
        """The sentence of a key."""
        return self._texts.say(self.language, key, values)

    def known(self, key: str) -> bool:
        """Whether a key has a sentence."""
        return self._texts.known(key)

    def whose(self, folder: str, name: str, *path: str | int) -> str:
        """Whose a document is, or a part of it: ours, site, both, or signed."""
        return self._node.documents.whose(folder, name, *path)

    def reason(self, reason: Reason) -> str:
        """What a reason says, with nodes by their names, legs, purposes, roles and commands by their words, days and moments as this reader writes them."""
        values = {name: self._value(name, value) if isinstance(value, str) else value for name, value in reason.values.items()}
        if reason.code == "command.not_in_set":
            choices = str(reason.values["known"]).split(", ")
            values["known"] = self.t("page.semicolon").join(self.named(str(reason.values["field"]), one) for one in choices)
        return self._texts.say(self.language, reason.code, values)

    def _value(self, name: str, value: str) -> str:
        if name in _NAMED:
            return self.named(name, value)
        if name == "provider":
            return self.provider(value)
        if name == "codes":
            return self.t("page.semicolon").join(self.named(name, one) for one in value.split(", "))
        if name in _EACH:
            return ", ".join(self.code(_EACH[name], one) for one in value.split(", "))
        if name in ("routes", "drugs"):
            return ", ".join(self._of_drugs(name, code) for code in value.split(", "))
        return self._time(value) if _MOMENT.fullmatch(value) else self.plainly(value)

    def plainly(self, text: str) -> str:
        """A text without addresses of the record and identifiers: a word and the last signs in their place."""
        return plainly(text, lambda kind: self.t(f"resource.{kind}") if self.known(f"resource.{kind}") else "")

    def source(self, text: str) -> str:
        """Where a rule comes from: what this project says of itself in the reader's language, a publication as it is cited."""
        return self._texts.phrase(self.language, text)

    def _of_drugs(self, name: str, code: str) -> str:
        """A drug of the list or a way of giving one in words, its code behind."""
        document = self._node.documents.typed.the(Drugs)
        names = document.routes.get(code) if name == "routes" else document.drugs[code].names if code in document.drugs else None
        return f"{self.title(names)} ({code})" if names else code

    def _time(self, text: str) -> str:
        """A day or moment as this reader writes it; what only looks like one, or has no place in this reader's zone, stays as it is."""
        try:
            return self.moment(text) if "T" in text else self.day(text)
        except (ValueError, OverflowError):
            return text

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
        return _day_said(value, self._locale) if value else "–"

    def month_day(self, value: datetime) -> str:
        """A day without its year, for an axis whose years are told elsewhere."""
        return format_skeleton("MMMd", value.astimezone(self._zone).date(), locale=self._locale)

    def since(self, text: str) -> str:
        """A day, month or year that a document knows, as this reader writes it."""
        if len(text) == len("2026-03"):
            return format_skeleton("yMMM", date.fromisoformat(f"{text}-01"), locale=self._locale)
        return self.day(text) if len(text) == len("2026-03-08") else text

    def moment(self, value: datetime | str | None) -> str:
        """A time at this node as this reader writes it."""
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        return _moment_said(value.astimezone(self._zone).replace(tzinfo=None, second=0, microsecond=0), self._locale) if value else "–"

    def due(self, value: datetime | str, now: datetime | str) -> str:
        """When something is due: how late it is, how soon within a day, else its moment."""
        due, at = (datetime.fromisoformat(one) if isinstance(one, str) else one for one in (value, now))
        if due < at:
            return self.t("task.late", span=span_said(at - due, self._locale))
        return self.t("task.soon", span=span_said(due - at, self._locale)) if due - at < timedelta(days=1) else self.moment(due)

    def span(self, span: timedelta) -> str:
        """A span of time in its fitting unit."""
        return span_said(span, self._locale)

    def money(self, minor: int, currency: str) -> str:
        """An amount as this reader writes it; exact, from minor units."""
        return format_currency(Decimal(minor).scaleb(-2), currency, locale=self._locale, currency_digits=True)

    def number(self, value: object, decimals: int | None = None) -> str:
        """A number as this reader writes it, with so many decimals where they are given."""
        return self._figures.number(value, decimals)

    def typed(self, text: str) -> str:
        """A number as this reader types it, as files write it (38,5 is 38.5); other text stays."""
        return self._figures.read(text)

    def percent(self, value: object, decimals: int | None = None) -> str:
        """So many percent as this reader writes them."""
        return self._figures.percent(value, decimals)

    def share(self, part: str | Decimal) -> str:
        """A part of one in percent: 0.80 is 80 %."""
        return self._figures.share(part)

    def unit(self, unit: str | None) -> str:
        """A UCUM unit as a ward writes it in this reader's language; nothing for what has none."""
        return self._figures.unit(unit)

    def quantity(self, value: object, unit: str | None, decimals: int | None = None) -> str:
        """A number, or a text that is one, with its unit."""
        return self._figures.quantity(value, unit, decimals)

    def reported(self, text: str) -> str:
        """A result as it was reported, in this reader's signs; moments, days, yes and no as everywhere."""
        if text in _TRUTH:
            return self.value(_TRUTH[text])
        if _MOMENT.fullmatch(text):
            return self._time(text)
        return self._figures.reported(text)

    def outcome(self, value: object) -> str:
        """The word for what a policy answered; the code itself where there is no word."""
        return self.named("outcome", str(value))

    def value(self, value: object, unit: str | None = None) -> str:
        """A fact's value with its unit: yes and no, codes in words, dates and numbers as this reader writes them."""
        if value is None:
            return self.t("page.not_known")
        if isinstance(value, bool):
            return self.t("page.yes" if value else "page.no")
        if isinstance(value, datetime | date):
            return self.moment(value) if isinstance(value, datetime) else self.day(value)
        word = self.code("code", value) if isinstance(value, str) else None
        return word if word is not None and (word != value or not unit) else self.quantity(value, unit)

    def amount(self, text: str, currency: str) -> str:
        """An exact amount that was written as text with two places."""
        return format_currency(Decimal(text), currency, locale=self._locale, currency_digits=False, format="¤\u00a0#,##0.00")

    def problem(self, problem: Mapping[str, object]) -> str:
        """What was odd in a file, in words: expected, found, what to do."""
        code = str(problem.get("code") or "")
        values = {"expected": problem.get("expected") or "–", "found": problem.get("found") or "–", "file": problem.get("where") or "–"}
        if self.known(code) and self._texts.names(code) <= values.keys():  # the sentence of a typed value says the value, which a problem of a file does not
            return self.t(code, **values)
        return " · ".join(self._texts.phrase(self.language, str(part)) for part in (problem.get("expected"), problem.get("found")) if part)

    def plain(self, key: str, value: object) -> str:
        """A value of an event in words: codes by their words, times and days as written here, lists in a row."""
        if isinstance(value, list | tuple):
            return "; ".join(self._row(key, item) for item in value)
        if isinstance(value, str):
            if key.endswith("_at") and len(value) > len("2026-03-08"):
                return self.moment(value)
            if key.endswith(("_on", "_until", "valid_from", "valid_to")):
                return self.day(value)
            return self.plainly(self.named(key, value))
        return self.value(value)

    def _of_gate(self, mark: str) -> str:
        """The words of a gate's code, whose values are not kept with it; of what stood under it (`gates.marks`) also what it is about, and how far it went."""
        code, _, about = mark.partition(" ")
        thing, _, step = about.partition(" ")
        name, _, item = thing.partition("=")
        named = " ".join(filter(None, (self.named(name, item) if item else "", step)))
        words = self.t(f"gate_reason.{code.rpartition('.')[2]}") if self.known(code) else code
        return self.t("page.colon").join(filter(None, (words, named)))

    def named(self, key: str, value: str) -> str:
        """What the reader calls a code of a field: a node, product, policy, plan or fact by its name, else the code's words."""
        if key in ("to_node", "from_node", "plant_node", "node", "recipients"):
            return self.node(value)
        if key in ("payer", "from_organisation", "to_organisation") or value == PATIENT:
            return self.payer(value)
        if value.startswith("gate."):
            return self._of_gate(value)
        if key in _FOLDERS:
            folder, title = _FOLDERS[key]
            return self.t("page.semicolon").join(self.title_of(folder, one, title) or one for one in value.split(", "))
        if key in ("attribute", "attributes", "fact", "missing", "failed", "as_before"):
            return self.t("page.semicolon").join(map(self.fact, value.split(", ")))
        if value.startswith("RR-"):
            return self.t("page.semicolon").join(self.code("sign", code) for code in value.split(", "))
        if key == "facts":
            return self.t("page.semicolon").join(map(self.asked, value.split(", ")))
        if key in ("loinc", "watched", "dealing"):
            return self.test(value) if key == "loinc" else self.watched(value)
        if key == "outcome":
            return next((self.t(name) for name in (f"{prefix}.{value}" for prefix in _OUTCOMES) if self.known(name)), value)
        return self.t(value) if key == "findings" and self.known(value) else self.code(_PREFIXES.get(key, "code"), value)

    def words(self, values: Mapping[str, object]) -> dict[str, object]:
        """The values of a sentence with codes by their words and days as written here."""
        as_written = {"day": self.day, "at": self.moment}
        return {name: as_written.get(name, partial(self.named, name))(value) if isinstance(value, str) else value for name, value in values.items()}

    def node(self, name: str | None) -> str:
        """What a node's organisation is called."""
        if name == self._node.site.node:
            return self._node.site.organisation
        neighbour = self._node.neighbours.get(name or "")
        return neighbour.site.organisation if neighbour else name or "–"

    def provider(self, name: str) -> str:
        """What a place is called where people of this site sign in too."""
        found = entering.providers(self._node).get(name)
        return self.title(found.title) if found else name

    def payer(self, name: str) -> str:
        """What a payer is called: by the directory, else by a plan of its own."""
        names = self._node.documents.typed.the(Payers).payers.get(name)
        if names or name == PATIENT:
            return self.title(names) if names else self.t("funding.page.patient")
        plans = self._node.documents.typed.plans.values()
        return next((self.title(title) for plan in plans if plan.get("payer") == name and (title := plan.get("title"))), name)

    def fact(self, name: str) -> str:
        """A fact's name in the reader's language; its own name in plain words where it has none."""
        dictionary = self._node.dictionary
        return dictionary[name].label(self.language) if name in dictionary else name.replace("_", " ")

    def asked(self, name: str) -> str:
        """A fact in a list of what is missing: a yes or no is named as a question, because its own name would read as an answer."""
        dictionary = self._node.dictionary
        is_question = name in dictionary and dictionary[name].type == "boolean"
        return self.t("facts.asked", fact=self.fact(name)) if is_question else self.fact(name)

    def watched(self, code: str) -> str:
        """A sign to watch for, or what was done about one, in the patient's words."""
        document = self._node.documents.typed.the(Patients)
        words = {sign.code: sign.words for sign in document.signs} | {one.code: one.words for one in document.dealings}
        return self.title(words[code]) if code in words else code

    def test(self, code: str) -> str:
        """What a test of a LOINC code is called; the code itself where nobody named it."""
        return self._tests.get(code, code)

    @cached_property
    def _tests(self) -> Mapping[str, str]:
        return analytes.names(self._node, self._texts, self.language)

    def analyte(self, analyte: str, codes: Sequence[str] = ()) -> str:
        """What an analyte of the validity windows is called."""
        key = f"analyte.{analytes.slug(analyte)}"
        if self.known(key):
            return self.t(key)
        return next((self._tests[code] for code in codes if code in self._tests), analyte)

    def money_code(self, code: str) -> str:
        """The words of a code of the funding contract, e.g. PAY-CAP:cap_year."""
        return self.code("funding.code", code.lower().replace(":cap_", "_").replace("-", "_"))

    def _row(self, key: str, item: object) -> str:
        if key in MEASURED and isinstance(item, list | tuple):
            return f"{self.fact(str(item[0]))} {self.measured(key, item)}"
        if isinstance(item, list | tuple):
            return " ".join(self.value(part) if not isinstance(part, str) else self.code("code", part) for part in item)
        if isinstance(item, Mapping):
            return ", ".join(self._amount(name, value, item) for name, value in item.items() if name != "currency")
        return self.plain(key, item)

    def measured(self, key: str, row: Sequence[Any]) -> str:
        """What a row of results or findings says of its fact: the value with its unit, or with the moment at which it was found."""
        _, value, unit = (*row, None)[:3]
        if key == "from_before":
            return f"{self.value(value)} ({self.moment(unit)})"
        return self.value(_TRUTH.get(value, value), unit)

    def gist(self, body: Mapping[str, object]) -> str:
        """One line that says what an event was about; empty where its name says it all."""
        key = f"event_gist.{body.get('type')}"
        own = f"{key}.{body.get('why')}"
        key = own if "why" in body and self.known(own) else key
        if not self.known(key):
            return ""
        said = self._texts.asked_for(self.language, key)
        return self.t(key, **{name: self._amount(name, value, body) for name, value in body.items() if name in said and name != "told"})

    def _amount(self, name: str, value: object, body: Mapping[str, object]) -> str:
        if name.endswith("_minor") and isinstance(value, int):
            return self.money(value, str(body.get("currency") or "HKD"))
        return self.plain(name, value) if value not in (None, "") else "–"

    def title_of(self, folder: str, name: str, field: str = "title") -> str:
        """What a document of a folder is called; empty where none bears this id."""
        titles = self._node.documents.typed.written(folder).get(name, {}).get(field)
        return self.title({str(language): str(text) for language, text in titles.items()} if isinstance(titles, Mapping) else str(titles or ""))

    def title(self, titles: Mapping[str, str] | str | None) -> str:
        """One of several languages of a document's text."""
        if not titles:
            return ""
        return titles if isinstance(titles, str) else titles.get(self.language) or titles.get("en") or next(iter(titles.values()))


#: Where the words of an event's field stand, if not among the codes.
_PREFIXES: Mapping[str, str] = {
    "action": "correction.action", "command": "command", "driver": "driver", "drug": "matching.washout", "findings": "supply.finding",
    "marker": "marker", "route": "exchange.route",
    "role": "role", "for_role": "role", "flags": "policy.flag", "not_firm": "gate_reason", "stage": "stage",
}  # fmt: skip


#: Documents by the field that names one: the folder, and where its title stands.
_FOLDERS: Mapping[str, tuple[str, str]] = {
    "product": ("products", "names"), "policy": ("policies", "title"), "specification": ("policies", "title"), "scale": ("policies", "title"),
    "plan": ("plans", "title"), "agreement": ("plans", "title"), "fund": ("plans", "title"), "recipient": ("plans", "title"),
}  # fmt: skip
#: Fields whose rows are a fact, its value and perhaps its unit, or the moment at which it was found; truth as a laboratory's results write it.
MEASURED = ("results", "findings", "from_before")
_TRUTH: Mapping[object, bool] = {"true": True, "false": False}
_OUTCOMES = ("policy.outcome", "recognition.outcome", "funding.outcome", "exchange.outcome", "exchange.route", "code")

#: A day or moment as records write it.
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?")

#: Values of a reason that a reader knows by another name.
_NAMED = frozenset(
    {
        "agreement", "answer", "attribute", "attributes", "basis", "drug", "fact", "fund", "jurisdiction", "leg", "marker", "node", "outcome", "pair", "payer", "plan",
        "policy", "product", "purpose", "recipient", "scale",
    }
)

#: Values of a reason that are a row of codes, with where their words stand.
_EACH: Mapping[str, str] = {"role": "role", "roles": "role", "command": "command", "classes": "code", "categories": "code", "fields": "field"}

#: How an answer is coloured, besides being said in words.
_TONES: Mapping[str, frozenset[str]] = {
    "good": frozenset({"eligible", "fit", "recognised", "recognised-with-conversion", "within", "holds", "serves", "used", "accepted", "approved", "grade-0", "True",
                       "not-suspected", "no-tls", "clear", "low", "low-risk", "full-dose", "nothing-due"}),
    "bad": frozenset({"ineligible", "unfit", "repeat-needed", "outside", "fails", "repeat", "implausible", "quarantined", "refused", "grade-3", "grade-4", "False",
                      "suspected", "clinical-tls", "avoid", "high", "high-risk"}),
    "open": frozenset({"undetermined", "clinician-override", "expires", "missing", "stale", "proposed", "bound", "unknown", "grade-1", "grade-2", "None",
                       "watch", "laboratory-tls", "review", "due", "reduce", "intermediate"}),
}  # fmt: skip


def tone(answer: object) -> str:
    """The class that colours an answer: good, bad, open or plain."""
    return next((name for name, answers in _TONES.items() if str(answer) in answers), "plain")




def render(asked: Asked, template: str, status: int = 200, /, **values: object) -> Response:
    """A page."""
    reader = Reader(asked)
    role = asked.actor.role if asked.actor else None
    body = _environment().get_template(template).render(
        asked=asked,
        r=reader,
        t=reader.t,
        language=asked.language,
        languages=[(code, one.name, in_language(asked, code)) for code, one in asked.node.languages.items()],
        menu=MENU.get(role, ()) if role else (),
        site=asked.node.site,
        barred=_barred(asked),
        unsound=_unsound(asked),
        late_breaches=_late_breaches(asked),
        recovered=_recovered(asked),
        in_reserve=not asked.node.reserve.empty,
        restored=_restored(asked),
        clock_wrong=asked.actor is not None and asked.node.clock_watch is not None and asked.node.clock_watch.is_wrong(),
        backup_late=_backup_late(asked),
        pack=_pack(asked),
        **_live(asked),
        bell=bell.count(asked),
        finds=role in access.roles("case.find") and asked.person.organisation == asked.node.site.organisation,
        duty_problems=[reader.reason(reason) for reason in told.duty_problems(asked)],
        **values,
    )
    response = HTMLResponse(body, status, headers={"cache-control": "no-store"})
    if asked.query.get("language") in asked.node.languages:
        response.set_cookie("language", asked.query["language"], samesite="lax", httponly=True, secure=asked.secure)
    return response


def standalone(template: str, reader: Reader, /, **values: object) -> str:
    """A page that needs no server: without menu, scripts and anything from elsewhere."""
    return _environment().get_template(template).render(r=reader, t=reader.t, **values)


def _live(asked: Asked) -> dict[str, object]:
    """The open calls that this person may see, and the number after which changes are told to the open page."""
    calls, number = told.shown(asked)
    return {"calls": calls, "live_after": number}


def _barred(asked: Asked) -> tuple[Problem, ...]:
    """What keeps the documents that this site wrote from being in force, for those who mend it."""
    standing = asked.node.site_documents
    mends = asked.actor is not None and asked.actor.role in (Role.ADMINISTRATOR, Role.QUALITY)
    return standing.problems if standing.barred and mends else ()


def _unsound(asked: Asked) -> int:
    """How many findings the latest check of the ledger had, for those who must act on it."""
    if asked.actor is None or not asked.actor.roles & {Role.ADMINISTRATOR, Role.QUALITY}:
        return 0
    with suppress(StorageProblem), asked.node.storage.reading() as connection:  # a page is shown while the database takes nothing
        checked = daily.latest(connection)
        return checked.count if checked is not None else 0
    return 0


def _restored(asked: Asked) -> Standing | None:
    """What this node lacks since it was restored, while that is not accepted; everybody who reads here must know."""
    with suppress(StorageProblem), asked.node.storage.reading() as connection:
        found = standing.standing(connection)
        return found if found is not None and found.closed else None
    return None


def _backup_late(asked: Asked) -> bool:
    """Whether the last good backup is too old, for those who must act on it."""
    if asked.actor is None or not asked.actor.roles & {Role.ADMINISTRATOR, Role.QUALITY}:
        return False
    with suppress(StorageProblem), asked.node.storage.reading() as connection:
        return schedule.is_late(asked.node, records.latest(connection, good=True))
    return False


def _pack(asked: Asked) -> tuple[datetime | None, bool] | None:
    """When the downtime pack was written last, and whether it is late or lacks a place: for the ward and whoever runs the node, where one is written."""
    node = asked.node
    if node.config.downtime is None or asked.actor is None or not asked.actor.roles & _READS_PACKS:
        return None
    kept = downtime.last(node.config.folder)
    return kept.made_at, downtime.is_late(node, kept)


_READS_PACKS = frozenset({Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST, Role.COORDINATOR, Role.ADMINISTRATOR})


def _recovered(asked: Asked) -> datetime | None:
    """When the operator of the machine let an administrator in alone, for those who must know."""
    if asked.actor is None or not asked.actor.roles & {Role.ADMINISTRATOR, Role.QUALITY}:
        return None
    with suppress(StorageProblem), asked.node.storage.reading() as connection:
        return two_administrators.recovered_at(connection, asked.node.now())
    return None


def _late_breaches(asked: Asked) -> int:
    """How many breaches have somebody who should have been told by now, for those who must act on it."""
    site = asked.node.site
    if asked.actor is None or not asked.actor.roles & {Role.ADMINISTRATOR, Role.QUALITY} or asked.actor.organisation != site.organisation:
        return 0
    with suppress(StorageProblem), asked.node.storage.reading() as connection:
        return breaches.late(asked.node, connection)
    return 0


def in_language(asked: Asked, code: str) -> str:
    """The address of this page in another language, with whatever the reader asked for: filter, earlier moment, version, values tried."""
    kept = [(name, value) for name, value in asked.queries if name != "language"]
    return f"?{urlencode([*kept, ('language', code)])}"


def refused(asked: Asked, refusal: Refusal, *, back: tuple[str, str] | None = None) -> Response:
    """A refusal as a page, with an address and its words to go on from; an unsigned reader is asked to sign in."""
    codes = {reason.code for reason in refusal.reasons}
    if refusal.category is Category.UNAUTHENTICATED and asked.method == "GET":
        wanted = f"{asked.path}?{urlencode(asked.queries)}" if asked.queries else asked.path
        return RedirectResponse("/sign-in" if asked.path == "/" else f"/sign-in?{urlencode({'to': wanted})}", 303)
    if codes & {"access.sign_in", "access.form_expired"} and asked.method == "POST" and _keep(asked) and asked.actor is None:
        return RedirectResponse(f"/sign-in?{urlencode({'to': asked.path, 'kept': 'yes'})}", 303)
    if "accounts.second.needed" in codes and asked.method == "GET":
        return RedirectResponse("/account", 303)
    reader = Reader(asked)
    sentences = [(reader.reason(reason), reason) for reason in refusal.reasons]
    return render(asked, "refusal.html", refusal.surface.http_status, refusal=refusal, sentences=sentences, emergency=_emergency(asked, refusal), back=back)


def _keep(asked: Asked) -> bool:
    """Whether what was typed into a form of a case is kept, because its session is over."""
    return _KEPT_PATHS.fullmatch(asked.path) is not None and kept_forms.keep(asked.node, asked.form.get("csrf", ""), asked.path, asked.forms)


def _emergency(asked: Asked, refusal: Refusal) -> str:
    """The case that was refused to somebody who may take it in an emergency."""
    may_take = refusal.category is Category.FORBIDDEN and asked.actor is not None and access.may("case.break_glass", asked.actor, asked.node.site) is None
    return asked.parameters.get("case_id", "") if may_take and asked.actor and asked.actor.role.value in asked.node.people.break_glass.roles else ""


def own_address(text: str) -> str:
    """An address of this node as a reader's browser sent it back; the start page where it leads elsewhere."""
    return text if _OWN_ADDRESS.fullmatch(text) else "/"


def go(address: str) -> Response:
    """Send the reader on after a form was handled."""
    return RedirectResponse(address, 303)
