"""What a field can be chosen from: nodes, products, policies, plans, purposes, facts, and what stands on the case.

Main job: `choices(asked, kind, case, name)` answers options with words in the reader's language, by the choice that the command's row names for a field,
else by the field's own name; `suggestions` answers the usual ones of a field that takes another too, and
`named` which of them a name means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from baybridge.consent.helping import helpers
from baybridge.consent.requests import requests_of
from baybridge.documents.exchange import Profiles
from baybridge.documents.patients import Patients
from baybridge.documents.plan import NO_PLAN, PlanDocument
from baybridge.documents.terms import Choice, Choices, Drug, Drugs, Regimens
from baybridge.followup.letters import unanswered
from baybridge.followup.visits import SCHEDULE, UNSCHEDULED
from baybridge.funding.claims.prefill import own_requests
from baybridge.funding.claims.reconciliation import Reconciled, open_claims
from baybridge.funding.outcome.refunding import open_refunds
from baybridge.funding.plans.assistance import KINDS as FUNDS
from baybridge.funding.plans.plans import is_agreement, is_computable
from baybridge.funding.quote.quoting import covered_categories
from baybridge.journey.attachments import attached
from baybridge.journey.case import Case
from baybridge.journey.command import Role
from baybridge.journey.doubted_doses import doubted_doses
from baybridge.journey.entry import Entry
from baybridge.journey.events import PatientWrote
from baybridge.journey.gates import gate_ahead
from baybridge.journey.identities import identities_of
from baybridge.journey.schedule import nameable
from baybridge.matching.eligibility import label_policies
from baybridge.node.commands.preview import looking
from baybridge.node.commands.table import GATES, CommandRow
from baybridge.node.people import access, helping
from baybridge.recognition.request import PURPOSES as RECOGNITION_PURPOSES
from baybridge.record.store import store
from baybridge.web.forms import choices_messages, choices_results
from baybridge.web.forms.known import context_of
from baybridge.web.page.page import Reader

if TYPE_CHECKING:
    from baybridge.http.doors import Asked


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to choose: its code and its words."""

    value: str
    label: str


Options = tuple[Option, ...]



def choices(asked: Asked, kind: CommandRow, case: Case | None, name: str) -> Options:
    """The options of a field that takes nothing else; none where it is written freely."""
    key = name.rsplit(".", 1)[-1]
    found = CHOICES.get(kind.choices.get(key, key))
    return found(asked, case) if found else ()


def is_chosen(kind: CommandRow, name: str) -> bool:
    """Whether a field is chosen from what stands on the case or in the documents, whatever there is to choose."""
    key = name.rsplit(".", 1)[-1]
    return kind.choices.get(key, key) in CHOICES


def suggestions(asked: Asked, kind: CommandRow, name: str) -> Options:
    """What is usually written into a field that may hold something else."""
    return _drugs(asked, None) if (kind.name, name) == ("GiveDrug", "atc") else ()


def named(asked: Asked, kind: CommandRow, name: str, text: str) -> str:
    """The code of a suggestion that was written by its name, in any language; other text stays as it is."""
    if not suggestions(asked, kind, name):
        return text
    found = [code for code, drug in asked.node.documents.typed.the(Drugs).drugs.items() if text.casefold() in names_of(drug)]
    return found[0] if len(found) == 1 else text


def names_of(drug: Drug) -> frozenset[str]:
    """What a drug is called, in any language, whole and without what stands in brackets."""
    return frozenset(part.strip().casefold() for name in drug.names.values() for part in (name, *_BRACKETS.split(name)) if part.strip())


_BRACKETS = re.compile("[()（）]")


def _drugs(asked: Asked, case: Case | None) -> Options:
    del case
    reader, drugs = Reader(asked), asked.node.documents.typed.the(Drugs).drugs
    return tuple(Option(code, reader.title(drug.names) or code) for code, drug in drugs.items())


def _held_drug(asked: Asked, case: Case | None) -> Options:
    """The drug that is held for a patient before the infusion."""
    held = asked.node.documents.typed.limits.tocilizumab.atc
    return tuple(option for option in _drugs(asked, case) if option.value == held) or (Option(held, held),)


def _routes(asked: Asked, case: Case | None) -> Options:
    del case
    reader, known = Reader(asked), asked.node.documents.typed.the(Drugs).routes
    return tuple(Option(code, reader.title(names) or code) for code, names in known.items())


def _dose_units(asked: Asked, case: Case | None) -> Options:
    del case
    return tuple(Option(code, unit.shown or code) for code, unit in asked.node.documents.typed.the(Drugs).dose_units.items())


def _criteria(asked: Asked, case: Case | None) -> Options:
    del case
    return tuple(Option(row.name, row.name) for row in asked.node.documents.typed.the(Choices).response_criteria.values())


def _papers(asked: Asked, case: Case | None) -> Options:
    del case
    return _listed(asked, asked.node.documents.typed.the(Choices).travel_papers)


def _categories(asked: Asked, case: Case | None) -> Options:
    """Categories of charges: those of the document, and those that plans cover."""
    del case
    documents = asked.node.documents.typed
    return _listed(asked, {**dict.fromkeys(sorted(covered_categories(documents)), Choice()), **documents.the(Choices).bill_categories})


def _listed(asked: Asked, choices: Mapping[str, Choice]) -> Options:
    reader = Reader(asked)
    return tuple(Option(code, reader.title(one.names) if one.names else reader.code("code", code)) for code, one in choices.items())


def _currencies(asked: Asked, case: Case | None) -> Options:
    del case
    return tuple(Option(code, code) for code in dict.fromkeys(region.currency for region in asked.node.regions.values()))


def _authorities(asked: Asked, case: Case | None) -> Options:
    del case
    return coded(asked, tuple(dict.fromkeys(region.notify_before_transfer for region in asked.node.regions.values() if region.notify_before_transfer)))


def coded(asked: Asked, codes: tuple[str, ...]) -> Options:
    """Codes with their words."""
    reader = Reader(asked)
    return tuple(Option(code, reader.code("code", code)) for code in codes)


def _nodes(asked: Asked, kind: str | None = None) -> Options:
    sites = [neighbour.site for neighbour in asked.node.neighbours.values()]
    return tuple(Option(site.node, site.organisation) for site in sites if kind is None or kind in site.kinds)


def _everybody(asked: Asked) -> Options:
    return (Option(asked.node.site.node, asked.node.site.organisation), *_nodes(asked))


def _named(asked: Asked, folder: str, wanted: Callable[[Mapping[str, object]], bool], title: str = "title") -> Options:
    reader = Reader(asked)
    documents = asked.node.documents.typed.written(folder)
    found = [Option(name, reader.title_of(folder, name, title) or name) for name, document in documents.items() if wanted(document)]
    return tuple(sorted(found, key=lambda option: option.label))


def products(asked: Asked, case: Case | None = None) -> Options:
    """Products of the catalogue."""
    del case
    return _named(asked, "products", lambda _: True, "names")


def _label_policies(asked: Asked, case: Case | None) -> Options:
    del case
    names = sorted({policy for product in asked.node.documents.typed.products.values() for policy in label_policies(product)})
    return _policies(asked, tuple(names))


def _policies(asked: Asked, names: tuple[str, ...]) -> Options:
    reader = Reader(asked)
    return tuple(Option(name, reader.title_of("policies", name) or name) for name in names)


def _regimens(asked: Asked, case: Case | None) -> Options:
    del case
    reader, regimens = Reader(asked), asked.node.documents.typed.the(Regimens).regimens
    return tuple(Option(code, reader.title(row.names) or code) for code, row in regimens.items())


def _visits(asked: Asked, case: Case | None) -> Options:
    """The visits that a contact of today can be, and one beside the schedule."""
    reader = Reader(asked)
    document = asked.node.documents.typed.schedule(case.follow_up.event.schedule if case and case.follow_up else SCHEDULE)
    if case is None or case.infused_at is None or document is None:
        return ()
    zone = asked.node.site.zone
    today = asked.node.now().astimezone(zone).date()
    made = {entry.event.visit for entry in case.visits}
    ahead = nameable(case.infused_at.astimezone(zone).date(), document.follow_up, today)
    planned = [Option(one.code, f"{one.code} · {reader.day(one.due_on)}") for one in ahead if one.code not in made]
    return (*planned, Option(UNSCHEDULED, reader.code("code", UNSCHEDULED)))


def _fitness(asked: Asked, case: Case | None) -> Options:
    """The policies that the site's documents name for the steps."""
    del case
    named = asked.node.documents.typed.limits.fitness
    return _policies(asked, tuple(dict.fromkeys((named.collection, named.lymphodepletion, named.infusion))))


def _facts(asked: Asked, case: Case | None) -> Options:
    del case
    role = asked.person.role.value
    found = [Option(fact.name, fact.label(asked.language)) for fact in asked.node.dictionary.facts.values() if role in fact.stated_by]
    return tuple(sorted(found, key=lambda option: option.label.casefold()))


def _consents(asked: Asked, case: Case | None) -> Options:
    """The consents that stand, for who may open what was allowed."""
    if asked.person.role is Role.CAREGIVER and not access.shows("case.sharing", helping.opened_to(asked.node, asked.actor, case)):
        return ()
    reader = Reader(asked)
    standing = [consent for consent in (case.consents if case else ()) if consent.withdrawn_on is None]
    return tuple(Option(c.consent_id, f"{reader.code('code', c.kind)} · {reader.day(c.origin.at)}") for c in standing)


def _letters(asked: Asked, case: Case | None) -> Options:
    """What the patient wrote and nobody answered: when, and its words."""
    reader = Reader(asked)
    found = unanswered(case) if case is not None else ()
    return tuple(Option(one.entry.event.letter_id, " · ".join(filter(None, _said(reader, one.entry)))) for one in found)


def _requests(asked: Asked, case: Case | None) -> Options:
    """What the person asked of the own data, what waits for an answer first."""
    reader = Reader(asked)
    found = sorted(requests_of(case), key=lambda one: one.answer is not None) if case is not None else []
    return tuple(Option(one.id, f"{reader.code('code', one.entry.event.right)} · {reader.day(one.entry.event.received_at)}") for one in found)


def _said(reader: Reader, entry: Entry[PatientWrote]) -> tuple[str, ...]:
    return reader.moment(entry.origin.at), reader.plain("watched", entry.event.watched), entry.event.text


def _signs(asked: Asked, _: Case | None) -> Options:
    reader = Reader(asked)
    return tuple(Option(sign.code, reader.title(sign.words)) for sign in asked.node.documents.typed.the(Patients).signs)


def _dealings(asked: Asked, _: Case | None) -> Options:
    reader = Reader(asked)
    return tuple(Option(one.code, reader.title(one.words)) for one in asked.node.documents.typed.the(Patients).dealings)


def _caregivers(asked: Asked, case: Case | None) -> Options:
    """Who has an account as a caregiver of the patient."""
    return tuple(Option(one, name) for one, name in helping.named_accounts(asked.node, case.patient_id or "").items()) if case is not None else ()


def _helping(asked: Asked, case: Case | None) -> Options:
    """Who was let in and not ended; of an account of somebody who helps, that person alone."""
    today, who = asked.node.now().astimezone(asked.node.site.zone).date(), asked.person
    found = [one.event.person_id for one in helpers(case, today)] if case is not None else []
    names = helping.names(asked.node, found)
    return tuple(Option(one, names.get(one, "–")) for one in found if who.role is not Role.CAREGIVER or one == who.person)


def _doubted_doses(asked: Asked, case: Case | None) -> Options:
    """The doses whose weight proved to be another one, by drug, amount and moment."""
    reader = Reader(asked)
    found = doubted_doses(case, asked.node.site.node) if case is not None else ()
    return tuple(Option(one.entry, f"{one.dose.event.name} {one.dose.event.dose}, {reader.moment(one.dose.event.given_at)}") for one in found)


def _shipments(asked: Asked, case: Case | None) -> Options:
    reader = Reader(asked)
    under_way = [shipment for shipment in (case.shipments if case else ()) if shipment.under_way]
    return tuple(Option(s.shipment_id, f"{reader.code('code', s.leg)} · {', '.join(s.bags)}") for s in under_way)


def _from_here(asked: Asked, case: Case | None) -> Options:
    reader = Reader(asked)
    found = [s for s in (case.shipments if case else ()) if s.dispatched is not None and s.dispatched.origin.node == asked.node.site.node]
    return tuple(Option(s.shipment_id, f"{reader.code('code', s.leg)} · {', '.join(s.bags)}") for s in reversed(found))


def _plans_asked(asked: Asked, case: Case | None) -> Options:
    plans = asked.node.documents.typed.plans
    named = [one.requested.event.plan for one in (own_requests(case, context_of(asked, case).payer) if case else ())]
    return tuple(Option(name, Reader(asked).title(plans.get(name, NO_PLAN).get("title")) or name) for name in dict.fromkeys(named))


def _quoted_plans(asked: Asked, case: Case | None) -> Options:
    """The plans of the quote that stands; every plan where none does."""
    quote = context_of(asked, case).quote()
    quoted = tuple(str(plan["id"]) for plan in quote["plans"]) if quote else ()
    reader = Reader(asked)
    return tuple(Option(name, reader.named("plan", name)) for name in quoted) or _benefits(asked, case)


def _claims(wanted: str) -> Callable[[Any, Case | None], Options]:
    """Claims of the case in some states, a payer's own for somebody of that payer, by plan, day and amount."""

    def found(asked: Asked, case: Case | None) -> Options:
        reader = Reader(asked)
        claims = open_claims(case, context_of(asked, case).payer, wanted) if case else ()
        return tuple(Option(one.claim.claim_id, _claim_words(reader, one)) for one in claims)

    return found


def _claim_words(reader: Reader, one: Reconciled) -> str:
    claim = one.claim
    return f"{reader.named('plan', claim.plan)} · {reader.day(claim.service_on)} · {reader.money(one.claimed_minor, claim.currency)}"


def _refunds(asked: Asked, case: Case | None) -> Options:
    """Who a settled refund has not wholly reached, a payer's own plans for somebody of that payer, with what is open."""
    reader = Reader(asked)
    currency = case.settlement.event.currency if case and case.settlement else ""
    return tuple(
        Option(one.recipient, f"{reader.named('recipient', one.recipient)} · {reader.money(one.open_minor, currency)}")
        for one in (open_refunds(case, context_of(asked, case).payer, asked.node.documents.typed.plans) if case else ())
    )


def _plans(asked: Asked, wanted: Callable[[PlanDocument], bool]) -> Options:
    """Documents of money, by their titles."""
    reader, plans = Reader(asked), asked.node.documents.typed.plans
    found = [Option(name, reader.title(document.get("title")) or name) for name, document in plans.items() if wanted(document)]
    return tuple(sorted(found, key=lambda option: option.label))


def _benefits(asked: Asked, case: Case | None) -> Options:
    del case
    return _plans(asked, is_computable)


def _funds(asked: Asked, case: Case | None) -> Options:
    del case
    return _plans(asked, lambda document: is_computable(document) and document.get("kind_of_payer") in FUNDS)


def _agreements(asked: Asked, case: Case | None) -> Options:
    del case
    return _plans(asked, is_agreement)


def _transfer_purposes(asked: Asked, case: Case | None) -> Options:
    del case
    return coded(asked, tuple(asked.node.documents.typed.the(Profiles).purposes))


def _questions(asked: Asked, case: Case | None) -> Options:
    """Other records that were asked about, by their names and likeness."""
    reader = Reader(asked)
    found = identities_of(case) if case else ()
    with asked.node.storage.reading() as connection:
        patients = store.get_many(connection, [("Patient", one.other) for one in found])
    names = {one.question: patients[("Patient", one.other)].resource.get("name") or [{}] for one in found if ("Patient", one.other) in patients}
    words = {question: str(given[0].get("text") or given[0].get("family") or "–") for question, given in names.items()}
    return tuple(
        Option(one.question, f"{words.get(one.question, '–')} · {reader.t(f'identity.state.{one.state}')} · {one.asked.event.score}") for one in found
    )


def _gate_codes(asked: Asked, case: Case | None) -> Options:
    """What stands at the gate that the form's address names, else at the one ahead of the case, each reason by its own sentence.

    The address also names what stood at the moment for which something was entered.
    """
    if case is None or asked.actor is None:
        return ()
    reader, wanted = Reader(asked), asked.query.get("gate") or gate_ahead(case)
    with looking(asked.node, case, asked.actor) as look:
        standing = look.at_gates(wanted)
    found = dict.fromkeys(Option(reason.code, reader.reason(reason)) for reason in standing)
    named = GATES[wanted].of_moment.intersection(asked.query.get("codes", "").split(",")) if wanted in GATES else ()
    then = (Option(code, reader.named("codes", code)) for code in sorted(named) if code not in {reason.code for reason in standing})
    return (*found, *then)


def _worded(choose: choices_results.Choose) -> Callable[[Any, Case | None], Options]:
    """Choices of another module, each a value and its words, as options."""
    return lambda asked, case: tuple(Option(value, label) for value, label in choose(asked, case))


def _attachments(asked: Asked, case: Case | None) -> Options:
    """The documents of the case, the newest first, by kind and moment."""
    reader = Reader(asked)
    found = attached(case)[::-1] if case is not None else ()
    return tuple(Option(one.id, f"{reader.code('code', one.entry.event.kind)}, {reader.moment(one.entry.origin.at)}") for one in found if one.state != "refused")


#: The name of a choice -> its options. The name of a field is the name of its choice unless the command's row says another.
CHOICES: Mapping[str, Callable[[Any, Case | None], Options]] = {
    "to_node": lambda asked, _: _nodes(asked),
    "centre": lambda asked, _: tuple(option for option in _everybody(asked) if _is_centre(asked, option.value)),
    "from_node": lambda asked, _: _nodes(asked),
    "receiver": lambda asked, _: _everybody(asked),
    "recipients": lambda asked, _: _everybody(asked),
    "plant_node": lambda asked, _: _nodes(asked, "plant"),
    "product": products,
    "jurisdiction": lambda asked, _: coded(asked, tuple(asked.node.regions)),
    "label_policy": _label_policies,
    "fitness_policy": _fitness,
    "fact": _facts,
    "regimen": _regimens,
    "visit": _visits,
    "gate_codes": _gate_codes,
    "region": lambda asked, _: coded(asked, tuple(asked.node.regions)),
    "residence": lambda asked, _: coded(asked, (*asked.node.regions, "other")),
    "notice_language": lambda asked, _: tuple(Option(code, language.name) for code, language in asked.node.languages.items()),
    "papers": _papers,
    "category": _categories,
    "criteria": _criteria,
    "authority": _authorities,
    "held_drug": _held_drug,
    "drug_route": _routes,
    "dose_unit": _dose_units,
    "doubted_dose": _doubted_doses,
    "purposes": _transfer_purposes,
    "transfer_purpose": _transfer_purposes,
    "recognition_purpose": lambda asked, _: coded(asked, RECOGNITION_PURPOSES),
    **{name: _worded(choose) for name, choose in {**choices_results.BY_NAME, **choices_messages.BY_NAME}.items()},
    "consent_id": _consents,
    "caregiver_account": _caregivers,
    "caregiver_helping": _helping,
    "letter_id": _letters,
    "person_request": _requests,
    "watched_sign": _signs,
    "dealing": _dealings,
    "attachment": _attachments,
    "question": _questions,
    "shipment_id": _shipments,
    "shipments_from_here": _from_here,
    "benefit_plan": _benefits,
    "quoted_plan": _quoted_plans,
    "claim_to_decide": _claims("decide"),
    "claim_to_pay": _claims("pay"),
    "claim_to_appeal": _claims("appeal"),
    "refund_recipient": _refunds,
    "plan": _plans_asked,
    "agreement": _agreements,
    "fund": _funds,
    "currency": _currencies,
}


def _is_centre(asked: Asked, node: str) -> bool:
    site = asked.node.site if node == asked.node.site.node else asked.node.neighbours[node].site
    return "centre" in site.kinds
