"""Drugs against toxicity, with the limits of tocilizumab.

Main job: the rule of `GiveDrug`. The drug is one of the document or has its ATC code and name, its way of giving is said, and its dose is an amount in a unit
(`doses.py`). A limit that is passed is refused with its source; a physician's reason lets it through and stands in the event.

**Source**: clinical reference 2.1 (Kymriah label, ASCO 2021): 8 h apart, three doses in 24 h, four an episode, 800 mg a dose; not for ICANS
without CRS. The episode begins with the infusion.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.bedside import rendering
from baybridge.bedside.doses import ROUNDED, Dose, Entered, against_dose, dose_of, figure, weight_now
from baybridge.bedside.weights import KEPT_CLOSE, far_from
from baybridge.documents.escalation import span
from baybridge.documents.limits import Tocilizumab
from baybridge.documents.terms import Drug, Drugs
from baybridge.journey.checks import Moment, Unusual, alive, asked_once, happened, said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import DrugGiven
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, reads, roles, told_in
from baybridge.journey.texts import Note, OneOf

#: Within this two entries of the same are asked about: is it another one? Source: convention of this project.
AGAIN_MIN = 30

Amount = Annotated[float, Meta(gt=0, le=1_000_000_000)]
Milligrams = Annotated[float, Meta(gt=0, le=1_000_000)]


def units(situation: Situation) -> Collection[str]:
    """Units of a dose."""
    return situation.documents.the(Drugs).dose_units


def routes(situation: Situation) -> Collection[str]:
    """Ways of giving a drug."""
    return situation.documents.the(Drugs).routes


class GiveDrug(Struct, frozen=True, kw_only=True):
    """A drug was given."""

    atc: Annotated[str, Meta(description="ATC code: a drug of the document, or another by its code and name")]
    name: Annotated[str, Meta(max_length=200, description="needed where the document does not have the code")] = ""
    route: Annotated[str | None, OneOf(routes), Meta(description="way of giving, a code of HL7 table 0162: IV, PO, SC, …")] = None
    dose_mg: Annotated[Milligrams | None, Meta(description="the dose in milligrams, where it is one")] = None
    mg_per_kg: Annotated[Milligrams | None, Meta(description="the dose by weight: milligrams for each kilogram")] = None
    amount: Annotated[Amount | None, Meta(description="the dose in another unit, with `unit`")] = None
    unit: Annotated[str | None, OneOf(units), Meta(description="of `amount`")] = None
    dose: Annotated[str, Meta(max_length=40, description="amount and unit in one, read as such: 8 mg/kg, 520 mg, 5000 IU; words go into the note")] = ""
    given_at: Moment
    note: Note = ""
    override_reason: Annotated[Note | None, Meta(description="a physician's reason where a limit is passed")] = None
    another: Annotated[bool, Meta(description="true where the same drug was given within half an hour and this is another dose")] = False
    unusual: Unusual = False


def give_drug(situation: Situation, given: GiveDrug) -> Verdict:
    """The drug is recorded; past a limit only with a physician's reason."""
    dose = dose_of(situation, _entered(given), _most(situation, given))
    against = [*alive(situation), *_named(situation, given), *_when(situation, given), *against_giving(situation, given)]
    if against:
        return refuse(*against)
    past = any(_tocilizumab(situation, given, dose))
    kept = past or situation.actor.role is Role.PHYSICIAN  # a dose that is put right may be past a limit by what was entered since
    reason = given.override_reason.strip() or None if kept and given.override_reason else None
    return (
        DrugGiven(
            atc=_code(given), name=_name(situation, given), dose=dose.text, given_at=given.given_at, override_reason=reason,
            dose_mg=dose.mg, mg_per_kg=dose.mg_per_kg, weight_kg=dose.weight_kg, route=given.route or _only_route(situation, given),
            amount=dose.amount, unit=dose.unit, note=given.note.strip(),
        ),
    )  # fmt: skip


def _when(situation: Situation, given: GiveDrug) -> Iterator[Reason]:
    """A time that cannot be is refused, and one that is no time of today is asked about: with a wrong year a dose would count for no limit."""
    age = situation.facts.get("age")
    if isinstance(age, int) and given.given_at < situation.now - timedelta(days=_MOST_DAYS_A_YEAR * (age + 1)):
        yield Reason("bedside.drug.before_birth", {"at": given.given_at.isoformat()}, where="given_at")
    elif situation.now - given.given_at > span(situation.documents.escalation.history_after):
        yield from asked_once([Reason("bedside.drug.long_ago", {"at": given.given_at.isoformat()}, where="unusual")], unusual=given.unusual)


_MOST_DAYS_A_YEAR = 366


def against_giving(situation: Situation, given: GiveDrug) -> Iterator[Reason]:
    """What stands against a dose at its time, whoever says it by whatever door: the amount, the same dose twice, an unusual one, a limit that is passed."""
    dose = dose_of(situation, _entered(given), _most(situation, given))
    past = tuple(_tocilizumab(situation, given, dose))
    excused = bool(past) and said(given.override_reason)
    yield from happened(situation, given_at=given.given_at)
    yield from _dosed(situation, given)
    if not given.another and not excused and any(_same(situation, given)):
        yield Reason("bedside.drug.again", {"minutes": AGAIN_MIN}, where="another")
    yield from asked_once(_outside(situation, given, dose), unusual=given.unusual)
    if past and not excused:
        yield from past
    if excused and situation.actor.role is not Role.PHYSICIAN:
        yield Reason("bedside.drug.override_not_physician", where="override_reason")


def beside_other_doses(situation: Situation, given: GiveDrug, old: DrugGiven) -> Iterator[Reason]:
    """What stands against a dose that is put right because of doses that were entered since; nothing where drug and time stay as those were judged beside."""
    if (old.atc, old.given_at) == (_code(given), given.given_at):
        return
    past = tuple(_of_others(situation, given))
    excused = bool(past) and said(given.override_reason)
    if not given.another and not excused and any(_same(situation, given)):
        yield Reason("bedside.drug.again", {"minutes": AGAIN_MIN}, where="another")
    if past and not excused:
        yield from past
    if excused and situation.actor.role is not Role.PHYSICIAN:
        yield Reason("bedside.drug.override_not_physician", where="override_reason")


# --- which drug -----------------------------------------------------------------------------------------------------


def _code(given: GiveDrug) -> str:
    return given.atc.strip().upper()


def _known(situation: Situation, given: GiveDrug) -> Drug | None:
    return situation.documents.the(Drugs).drugs.get(_code(given))


def _name(situation: Situation, given: GiveDrug) -> str:
    """The name as it was written; that of the document where none was."""
    known = _known(situation, given)
    return given.name.strip() or (known.names["en"] if known else "")


def _only_route(situation: Situation, given: GiveDrug) -> str | None:
    """The way of giving where the drug has one alone."""
    known = _known(situation, given)
    return known.routes[0] if known and len(known.routes) == 1 else None


def _same(situation: Situation, given: GiveDrug) -> Iterator[datetime]:
    """When the same drug was given close to this time: one dose may have been entered twice."""
    apart = timedelta(minutes=AGAIN_MIN)
    return (at for at in _given_at(situation, _code(given)) if abs(at - given.given_at) <= apart)


def _given_at(situation: Situation, atc: str) -> list[datetime]:
    """When a drug was given: as the case says, and as doses say that were filed in the record by another system."""
    filed = situation.record.drugs.filed if situation.record.drugs else ()
    return [*(e.event.given_at for e in situation.case.drugs if e.event.atc == atc), *(dose.at for dose in filed if dose.atc == atc)]


def _named(situation: Situation, given: GiveDrug) -> Iterator[Reason]:
    """The code is one of the document and the name is its own, or it is a code of a substance with a name."""
    known, written = _known(situation, given), _plain(given.name)
    if known is None:
        if not _SUBSTANCE.fullmatch(_code(given)):
            yield Reason("bedside.drug.not_atc", {"drugs": ", ".join(sorted(situation.documents.the(Drugs).drugs))}, where="atc")
        if not written:
            yield Reason("bedside.drug.unnamed", where="name")
        yield from _of_the_list(situation, given, written)
    elif written and not _is_called(situation, known, written):
        yield Reason("bedside.drug.another_name", {"atc": _code(given), "name": known.names["en"]}, where="name")
    if known is not None and given.route and known.routes and given.route not in known.routes:
        yield Reason("bedside.drug.route", {"name": known.names["en"], "routes": ", ".join(known.routes)}, where="route")
    if not given.route and _only_route(situation, given) is None:
        ways = known.routes if known and known.routes else tuple(situation.documents.the(Drugs).routes)
        yield Reason("bedside.drug.no_route", {"routes": ", ".join(ways)}, where="route")
    if known is None and given.route == _INTO_SPINAL_CANAL:
        yield Reason("bedside.drug.intrathecal", source=_INTRATHECAL_SOURCE, where="route")


def _of_the_list(situation: Situation, given: GiveDrug, written: str) -> Iterator[Reason]:
    """A name of the list under a code that is not in it: refused where doses are counted by the code, asked about for others, which have several codes by their use."""
    limited = situation.limits.tocilizumab.atc
    for atc, drug in situation.documents.the(Drugs).drugs.items() if written else ():
        if not _is_called(situation, drug, written):
            continue
        listed = Reason("bedside.drug.listed", {"atc": atc, "name": drug.names["en"], "written": _code(given)}, where="atc" if atc == limited else "unusual")
        yield from [listed] if atc == limited else asked_once([listed], unusual=given.unusual)


#: Into the spinal canal goes only what the list of drugs names for it: vincristine given so is nearly always fatal.
_INTO_SPINAL_CANAL = "IT"
_INTRATHECAL_SOURCE = "World Health Organization, Information Exchange System, Alert No. 115: Vincristine (and other vinca alkaloids), 18 July 2007"

#: A substance is of the fifth level of the index. Source: structure of the ATC classification.
_SUBSTANCE = re.compile(r"[A-Z][0-9]{2}[A-Z]{2}[0-9]{2}")


def _is_called(situation: Situation, known: Drug, written: str) -> bool:
    """Whether what was written is a name of the drug, or how one begins, or one with more to it that is no other drug of the list."""
    names = {part for name in _names(known) for part in (_plain(name), *filter(None, _APART.split(_plain(name))))}
    others = {_plain(name) for drug in situation.documents.the(Drugs).drugs.values() for name in _names(drug)} - names
    begins = len(written) >= (4 if written.isascii() else 2) and any(name.startswith(written) for name in names)
    return begins or (any(name in written for name in names) and not any(other in written for other in others if not any(other in name for name in names)))


def _names(drug: Drug) -> tuple[str, ...]:
    return (*drug.names.values(), *drug.also)


#: Between two names of one drug.
_APART = re.compile(r"[\s()（）/,，、;；]+")


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


# --- how much -------------------------------------------------------------------------------------------------------


def _dosed(situation: Situation, given: GiveDrug) -> Iterator[Reason]:
    yield from against_dose(situation, _entered(given), _known(situation, given), _most(situation, given))


def _entered(given: GiveDrug) -> Entered:
    return Entered(given.dose_mg, given.mg_per_kg, given.amount, given.unit, given.dose)


def _most(situation: Situation, given: GiveDrug) -> float | None:
    rules = situation.limits.tocilizumab
    return float(rules.max_dose_mg) if _code(given) == rules.atc else None


def _outside(situation: Situation, given: GiveDrug, dose: Dose) -> Iterator[Reason]:
    """A single dose outside what the list of drugs names as usual, for the drug or for any, or by a weight that is far from those of the last weeks."""
    document, known = situation.documents.the(Drugs), _known(situation, given)
    low, high = (known.usual_mg if known else None) or document.any_usual_mg
    if dose.mg is not None and not low <= dose.mg <= high:
        values = {"name": _name(situation, given) or _code(given), "dose_mg": figure(dose.mg), "low": figure(low), "high": figure(high)}
        yield Reason("bedside.drug.unusual_dose", values, source=document.usual_source, where="unusual")
    weight = weight_now(situation) if dose.weight_kg is not None or _code(given) == situation.limits.tocilizumab.atc else None
    if (known_weight := far_from(situation, weight)) is not None and weight is not None:
        yield Reason("bedside.drug.far_weight", {"weight": figure(weight), "known": figure(known_weight)}, source=KEPT_CLOSE, where="unusual")


def per_kg_of_label(rules: Tocilizumab, weight: float) -> float:
    """Milligrams for each kilogram that the label names for a weight (kg)."""
    reached = [band for band in rules.by_weight if weight >= band.from_kg]
    return max(reached, key=lambda band: band.from_kg).mg_per_kg if reached else float("inf")


def _tocilizumab(situation: Situation, given: GiveDrug, dose: Dose) -> Iterator[Reason]:
    rules = situation.limits.tocilizumab
    if _code(given) != rules.atc:
        return
    yield from _of_others(situation, given)
    if dose.mg_per_kg is not None and dose.weight_kg is not None and dose.mg_per_kg > (label := per_kg_of_label(rules, dose.weight_kg)):
        yield Reason("bedside.drug.tocilizumab_per_kg", {"limit": figure(label), "weight": figure(dose.weight_kg)}, source=rules.source, where="mg_per_kg")
    yield from _by_weight(situation, dose, rules)
    if dose.mg is not None and dose.mg > rules.max_dose_mg:
        yield Reason("bedside.drug.tocilizumab_dose", {"limit_mg": rules.max_dose_mg}, source=rules.source, where="dose_mg")
    if _icans_alone(situation):
        yield Reason("bedside.drug.tocilizumab_icans_alone", source=rules.source)


def _by_weight(situation: Situation, dose: Dose, rules: Tocilizumab) -> Iterator[Reason]:
    """Milligrams that were entered without saying for which weight, and are more for each kilogram than the label names; vials and rounding aside."""
    weight = weight_now(situation)
    if dose.mg is None or dose.mg_per_kg is not None or weight is None or dose.mg <= (label := per_kg_of_label(rules, weight)) * weight * (1 + ROUNDED):
        return
    values = {"dose_mg": figure(dose.mg), "found": figure(dose.mg / weight), "weight": figure(weight), "limit": figure(label)}
    yield Reason("bedside.drug.tocilizumab_by_weight", values, source=rules.source, where="dose_mg")


def _of_others(situation: Situation, given: GiveDrug) -> Iterator[Reason]:
    """The limits that count other doses of the episode."""
    rules = situation.limits.tocilizumab
    if _code(given) != rules.atc:
        return
    start = situation.case.infused_at
    doses = [at for at in _given_at(situation, rules.atc) if start is None or at >= start]
    yield from _intervals(doses, given, rules)
    if len(doses) >= rules.per_episode:
        yield Reason("bedside.drug.tocilizumab_episode", {"limit": rules.per_episode}, source=rules.source)


def _intervals(doses: list[datetime], given: GiveDrug, rules: Tocilizumab) -> Iterator[Reason]:
    apart = timedelta(hours=rules.interval_h)
    if any(abs(given.given_at - dose) < apart for dose in doses):
        yield Reason("bedside.drug.tocilizumab_interval", {"hours": rules.interval_h}, source=rules.source, where="given_at")
    if _within_a_day(doses, given.given_at) >= rules.per_24_h:
        yield Reason("bedside.drug.tocilizumab_24_h", {"limit": rules.per_24_h}, source=rules.source, where="given_at")


def _within_a_day(doses: list[datetime], at: datetime) -> int:
    """The most doses that lie with this time in any 24 hours: one that is entered late counts with those that were given after it."""
    day = timedelta(hours=24)
    near = [dose for dose in doses if abs(dose - at) < day]
    return max(sum(start <= dose < start + day for dose in near) for start in (at, *(dose for dose in near if dose <= at)))


def _icans_alone(situation: Situation) -> bool:
    crs, icans = (situation.case.grades.get(scale) for scale in ("crs-astct-2019", "icans-astct-2019"))
    return icans is not None and (icans.grade or 0) >= 1 and crs is not None and crs.highest == 0 and crs.grade == 0


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        GiveDrug, give_drug, roles(Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST),
        (EventRow(DrugGiven, rendering.drug, told_in("CARE_REFERRAL", "PHARMACOVIGILANCE")),),
        page="bedside",
        correction=CLINICAL,
        beside=beside_other_doses,
        place=20,
        button="after",
        needs=reads("drugs"),
        choices={"route": "drug_route", "unit": "dose_unit"},
    ),
)
