"""What every tab of a case needs: the case as of a moment, its facts read once, buttons with what would refuse them.

Main job: `tab(name, page)` makes a page of a case from a function that receives a `CaseView`; the whole page is made within one reading transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.responses import Response

from baybridge.base.ids import ProductId, mark_of
from baybridge.base.time import parse_instant_or_day
from baybridge.facts.factset import FactSet
from baybridge.facts.fhir import patient_name
from baybridge.http.doors import Asked
from baybridge.journey.case import Case
from baybridge.journey.command import Role
from baybridge.journey.conflicts import conflicts_of
from baybridge.journey.entry import Entry
from baybridge.journey.events import GateExceptionSigned
from baybridge.journey.gates import standing_exceptions
from baybridge.journey.status import stage_shown
from baybridge.node import cases, kept_decisions
from baybridge.node.commands.preview import Look, looking
from baybridge.node.commands.table import COMMANDS, CommandRow
from baybridge.node.people import access, helping
from baybridge.node.people.access import NAMELESS, PERSONAL
from baybridge.node.watch import board
from baybridge.policy.one_case.decide import DecisionDocument
from baybridge.record.store import store
from baybridge.web.case import tabs
from baybridge.web.case.banner import banner_of
from baybridge.web.forms import forms
from baybridge.web.page import signers, told
from baybridge.web.page.page import Reader, render
from baybridge.web.page.status_words import elsewhere


@dataclass(frozen=True, slots=True)
class Action:
    """A button: the command, every sentence that would refuse it now, and where its form is."""

    command: str
    sentences: tuple[str, ...]
    address: str
    label: str = ""


@dataclass(frozen=True)
class CaseView:
    """One request for a page of a case."""

    asked: Asked
    case: Case
    look: Look
    reader: Reader
    tab: str
    until: datetime | None

    @property
    def facts(self) -> FactSet:
        """The facts of the patient as of the moment."""
        return self.look.facts

    @property
    def now(self) -> datetime:
        """The moment that the page shows."""
        return self.look.unit.at

    @cached_property
    def told_of_calls(self) -> bool:
        """Whether this reader may know what happens at the bedside of this case, as it stands now."""
        return told.may_see(self.asked, self.case.case_id, self.case if self.until is None and self.case.history else None)

    @cached_property
    def opened(self) -> frozenset[str]:
        """What of the case is open to somebody who helps the patient, now, whatever moment the page shows; nothing for everybody else."""
        now = self.case if self.until is None else self.asked.node.case(self.case.case_id)
        return helping.opened_to(self.asked.node, self.asked.actor, now)

    def shows(self, action: str) -> bool:
        """Whether this reader may do what a page needs, of this case."""
        person = self.asked.person
        return access.shows(action, self.opened) if person.role is Role.CAREGIVER else person.role in access.roles(action)

    @property
    def read_only(self) -> bool:
        """Whether nothing can be done from this page: an earlier moment, or a reader who only reads."""
        return self.until is not None or self.asked.person.role in PERSONAL

    def documents(self, hashes: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Kept decision documents by SHA-256."""
        return kept_decisions.documents(self.look.unit.connection, hashes)

    def fact_label(self, name: str) -> str:
        """A fact's name in the reader's language."""
        return self.reader.fact(name)

    def may_state(self, name: str) -> bool:
        """Whether the word of this reader stands for a fact."""
        fact = self.asked.node.dictionary.facts.get(name)
        return fact is not None and self.asked.person.role.value in fact.stated_by

    def asked_label(self, name: str) -> str:
        """A fact's name in a list of what is missing."""
        return self.reader.asked(name)

    def actions(self, names: Sequence[str], given: Mapping[str, Mapping[str, object]] | None = None) -> list[Action]:
        """The commands among `names` that this role may give here, each with what would refuse it now; none on a page that only shows."""
        if self.read_only:
            return []
        return [self.action(kind, (given or {}).get(kind.name)) for kind in map(COMMANDS.__getitem__, names) if allowed(self.asked, kind)]

    def buttons(self, *groups: str) -> list[Action]:
        """The buttons of this tab, of some groups alone where they are named."""
        return self.actions(tabs.buttons_of(self.tab, *groups))

    def decisions(self, hashes: Iterable[str]) -> dict[str, DecisionDocument]:
        """Kept decisions of policies by SHA-256."""
        return {sha256: document for sha256, document in self.documents(hashes).items() if kept_decisions.is_of_policy(document)}

    def action(self, kind: CommandRow, given: Mapping[str, object] | None = None, label: str = "", *, preview: bool = True) -> Action:
        """A button for a command with its input as far as it is known; `given` stands in the address of the form, so it names no patient's value.

        Without `preview` nothing is tried beforehand: for buttons that open a form in which a person still has to say why.
        """
        refusal = self.look.would(kind.name, {**known_input(self.asked, kind, self.case), **(given or {})}) if preview else None
        query = f"?{urlencode(given, doseq=True)}" if given else ""
        sentences = tuple(map(self.reader.reason, refusal.reasons)) if refusal else ()
        return Action(kind.name, sentences, f"{tabs.form_of(self.case.case_id, kind.name)}{query}", label)

    def render(self, template: str, status: int = 200, /, **values: object) -> Response:
        """The page, within the case's frame."""
        return render(self.asked, template, status, v=self, **frame(self), **values)


def allowed(asked: Asked, kind: CommandRow) -> bool:
    """Whether this role gives this command at this kind of node."""
    return asked.person.role in kind.roles and (not kind.kinds or bool(kind.kinds & asked.node.site.kinds))


def known_input(asked: Asked, kind: CommandRow, case: Case) -> dict[str, object]:
    """A command's input as far as the case knows it, so that a preview sees what the form would show."""
    return forms.known(asked, kind, case)


def frame(view: CaseView) -> dict[str, object]:
    """Who, which tabs, which moment."""
    asked, case = view.asked, view.case
    done = asked.query.get("done", "")
    call = case.open_rapid_response if told.is_told(asked) and view.told_of_calls and not view.until else None
    return {
        "case": case,
        "stage_now": stage_shown(case, asked.node.site.node, asked.node.site.zone),
        "conflicts": conflicts_of(case),
        "who": name_of(asked, case),
        "banner": banner_of(view),
        "elsewhere": elsewhere(asked, view.reader, case),
        "product_name": product_name(asked, case.product),
        "open_call": call,
        "shown_call": board.shown_as(call.call_id, call.state, call.codes) if call else "",
        **_emergency(view),
        "exceptions": list(_exceptions(view)) if view.shows(_ABOUT_CONSENT) else [],
        "tab_name": view.tab,
        "ask_whom": ASK_WHOM,
        "tabs": [(name, tabs.address(case.case_id, name)) for name in tabs.shown(asked.person.role, view.opened)],
        "tab_groups": tabs.grouped(asked.person.role, view.opened),
        "tab_address": lambda name: tabs.address(case.case_id, name),
        "until": view.until,
        "done": done if done in COMMANDS else "",
    }


#: The tabs on which a patient reads results, grades, chances or risks, each with the sentence whom to ask.
ASK_WHOM = frozenset({"facts", "options", "eligibility", "tests", "bedside", "followup", "timeline"})
#: Whoever may open what was allowed sees that a patient is treated without consent, or past what stood against a step.
_ABOUT_CONSENT = "case.sharing"


def _emergency(view: CaseView) -> dict[str, object]:
    """The emergency that stands for the consent to care, or stood for it where the consent is still missing."""
    entry = view.case.emergency if view.case.consent_overdue and view.case.alive and view.shows(_ABOUT_CONSENT) else None
    return {"emergency": entry, "emergency_over": entry is not None and entry.event.until <= view.now}


@dataclass(frozen=True, slots=True)
class SignedException:
    """An exception that stands: its entry, who signed, and the reasons it covers, each by its own sentence."""

    entry: Entry[GateExceptionSigned]
    by: str
    sentences: tuple[str, ...]


def _exceptions(view: CaseView) -> Iterator[SignedException]:
    """The exceptions that stand on the case now, for every page of it."""
    found = standing_exceptions(view.case, view.now)
    names = signers.names(view.asked.node) if found else {}
    for entry in found:
        by = ", ".join(names.get(one.person, view.reader.code("role", one.role)) for one in entry.event.signed_by)
        yield SignedException(entry, by, sentences_at(view, entry.event.gate, entry.event.codes))


def sentences_at(view: CaseView, gate: str, codes: Iterable[str]) -> tuple[str, ...]:
    """What codes of a gate say: a sentence for each reason that stands under them now, and the words of a code under which nothing stands any more."""
    standing = view.look.at_gates(gate)
    reader = view.reader
    said = ([reader.reason(one) for one in standing if one.code == code and one.values] or [reader.named("codes", code)] for code in codes)
    return tuple(dict.fromkeys(sentence for sentences in said for sentence in sentences))


Page = Callable[[CaseView], Response]


def tab(name: str, page: Page) -> Callable[[Asked], Response]:
    """The endpoint of a tab: the case as of the moment asked for, looked at in one transaction."""

    def endpoint(asked: Asked) -> Response:
        return with_view(asked, lambda view: page(view), name)

    endpoint.__doc__ = page.__doc__
    return endpoint


def with_view(asked: Asked, page: Page, name: str) -> Response:
    """A page of a case within one reading transaction."""
    until = moment(asked)
    case_id = asked.parameters["case_id"]
    case = asked.node.case(case_id, until) or Case(case_id)
    with looking(asked.node, case, asked.person, until) as look:
        return page(CaseView(asked, case, look, Reader(asked), name, until))


_FIRST_YEAR = 1900  # of anything that a case can hold


def moment(asked: Asked) -> datetime | None:
    """The earlier moment that the reader asked to see, if any; a day means its end."""
    text = (asked.query.get("at") or "").strip()
    try:
        found = parse_instant_or_day(text, asked.node.site.zone) if text else None
    except ValueError:
        return None
    if found is not None and len(text) == len("2026-03-08"):
        found = found.astimezone(asked.node.site.zone).replace(hour=23, minute=59, second=59)
    return found if found is not None and found.year >= _FIRST_YEAR and found < asked.node.now() else None


# --- names ----------------------------------------------------------------------------------------------------------


def name_of(asked: Asked, case: Case) -> str:
    """The patient's name for those who care for the patient; others see the case's short mark."""
    if asked.person.role in NAMELESS or not case.patient_id:
        return Reader(asked).t("case.mark", mark=mark_of(case.case_id))
    with asked.node.storage.reading() as connection:
        version = store.get(connection, "Patient", case.patient_id)
    return patient_name(version.resource) if version else Reader(asked).t("case.mark", mark=mark_of(case.case_id))


def labels(asked: Asked, case_ids: Sequence[str]) -> dict[str, str]:
    """What to call some hundred cases of this node in a list."""
    with asked.node.storage.reading() as connection:
        rows = cases.of_ids(connection, case_ids)
        names = cases.names(connection, rows) if asked.person.role not in NAMELESS else {}
    reader = Reader(asked)
    return {row.case_id: names.get(row.case_id) or reader.t("case.mark", mark=mark_of(row.case_id)) for row in rows}


def product_name(asked: Asked, product: str | None) -> str:
    """A product's name in the reader's language."""
    document = asked.node.documents.typed.products.get(ProductId(product or ""))
    return (Reader(asked).title(document.names) if document else "") or product or ""


Row = TypeVar("Row", bound=Mapping[str, object])


def most_urgent_first(tasks: Iterable[Row]) -> list[Row]:
    """Tasks whose clock has turned red before all others, then the soonest due; those without a day last."""
    return sorted(tasks, key=lambda task: (task.get("level") not in {"red", "stop"}, task["due_at"] is None, str(task["due_at"] or "")))
