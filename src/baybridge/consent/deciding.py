"""Who decides for a patient: the patient, the guardian of a child, or whoever represents an adult who cannot decide.

Main job: `deciding_of(case, age, majority, unable_from)`; of it `against_giver` (a consent that somebody gives now), `elective` (what stands before a step that can
wait), `to_confirm` (consents of others that the patient has to give anew) and `doubtful` (consents that the patient took back while unable to decide).

An adult is taken to be able to decide until a sign says otherwise: a grade of ICANS from the site's threshold on, or a physician's statement. The last of them
counts; only a physician lifts a physician's "no". A range of grades that may reach the threshold leaves it unknown, also after an older word that the patient can decide.

A consent that somebody else gave holds for what it was given for. Once the patient can decide, steps that can wait ask for the patient's own consent of the same
kind; sending, reading and the treatment of what has begun go on.

**Source**: PIPL articles 13 to 15 and 29 to 31, Macao Law 8/2005, PDPO (consent is the person's own); the age of majority from the region's document, the threshold from
`access/people.yaml`, both marked unverified. **Units**: completed years. Elsewhere: what a consent covers, `grants.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from baybridge.base.outcome import Reason
from baybridge.consent.emergency import in_force
from baybridge.consent.grants import holds_on
from baybridge.documents.document_set import DocumentSet
from baybridge.documents.people import People
from baybridge.documents.region import RegionEntry
from baybridge.journey.case import Case, Consent
from baybridge.journey.checks import local_day, said
from baybridge.journey.command import Situation
from baybridge.journey.events import CapacityStated, ConsentWithdrawn, Giver, GradeAssessed, GradeConfirmed

ICANS = "icans-astct-2019"
#: What says that a patient cannot decide, or that nobody knows.
Because = Literal["", "stated", "icans", "icans_open"]


@dataclass(frozen=True, slots=True)
class Deciding:
    """Who decides now. `minor` and `able`: None where nobody knows; `because` and `since` say what `able` rests on, and from when, where it is not True."""

    minor: bool | None
    able: bool | None
    because: Because
    majority: int | None
    unable_from: int
    since: datetime | None = None

    @property
    def patient_decides(self) -> bool:
        """Whether the patient certainly decides alone."""
        return self.minor is False and self.able is True


def deciding(situation: Situation) -> Deciding:
    """Who decides for the patient of this case, now."""
    documents = situation.documents
    return deciding_of(situation.case, age_of(situation.facts.get("age")), *thresholds(documents, situation.site.jurisdiction))


def thresholds(documents: DocumentSet, region: str) -> tuple[int | None, int]:
    """The age of majority of a region, None where its document does not say, and the grade of ICANS from which a patient is taken to be unable to decide."""
    entry = documents.one(RegionEntry, "regions", region).deciding
    return entry.age_of_majority if entry else None, documents.the(People).deciding.unable_from_icans


def age_of(value: object) -> int | None:
    """The age as a fact holds it; None where it is not known."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def deciding_of(case: Case, age: int | None, majority: int | None, unable_from: int) -> Deciding:
    """Who decides, from what the case says, the patient's age, the age of majority and the threshold."""
    minor = None if age is None or majority is None else age < majority
    because, since = _unable(case, unable_from)
    able = True if because == "" else None if because == "icans_open" else False
    return Deciding(minor, able, because, majority, unable_from, since)


# --- ability --------------------------------------------------------------------------------------------------------


def _unable(case: Case, unable_from: int, upto: datetime | None = None) -> tuple[Because, datetime | None]:
    """The last certain word up to a moment: a statement, or a grade that certainly reaches the threshold or does not; and since when nothing lifted it.

    A range of grades that may reach it, after a word that the patient can decide, leaves it unknown again until the next certain word.
    """
    found: Because | None = None
    since: datetime | None = None
    unsure = False
    for at, word in sorted(_words(case, unable_from), key=lambda item: item[0]):
        if upto is not None and at > upto:
            break
        if word == "icans_open":
            unsure, since = found not in ("stated", "icans"), since or at  # whoever may decide in a doubt may say so of that day
        elif not (found == "stated" and word == "able"):  # a grade lifts no physician's statement
            found, unsure = "stated" if word == "stated" else "icans" if word == "icans" else "", False
            since = (since or at) if found else None
    because: Because = "icans_open" if unsure else found or ""
    return because, since if because else None


def is_unable(case: Case, unable_from: int) -> bool:
    """Whether the last certain word is that the patient cannot decide: a physician's statement or a grade."""
    return _unable(case, unable_from)[0] in ("stated", "icans")


_Word = Literal["able", "stated_able", "stated", "icans", "icans_open"]


def _words(case: Case, unable_from: int) -> Iterator[tuple[datetime, _Word]]:
    for stated in case.of(CapacityStated):
        yield stated.event.seen_at, "stated_able" if stated.event.can_decide else "stated"
    for assessed in case.of(GradeAssessed):
        if assessed.event.scale == ICANS:
            low, high = assessed.event.grade_min, assessed.event.grade_max
            yield assessed.event.assessed_at, "icans" if low >= unable_from else "able" if high < unable_from else "icans_open"
    for confirmed in case.of(GradeConfirmed):
        if confirmed.event.scale == ICANS:
            yield confirmed.origin.at, "icans" if confirmed.event.grade >= unable_from else "able"


# --- a consent that is given now ------------------------------------------------------------------------------------


def against_giver(situation: Situation, given_by: Giver, by_document: str) -> Iterator[Reason]:
    """Every reason why this person does not give this consent now."""
    now = deciding(situation)
    yield from against_document(given_by, by_document)
    if given_by == "patient":
        if now.minor:
            yield _of_age("consent.giver.minor", now)
        yield from _cannot(now)
    else:
        yield from _other(now, given_by)


def against_taker_back(situation: Situation, given_by: Giver, by_document: str, day: date) -> Iterator[Reason]:
    """Every reason why this person does not take a consent back as of a day: a patient always can, somebody else only while the patient does not decide."""
    yield from against_document(given_by, by_document)
    if given_by != "patient":
        now = deciding(situation)
        yield from _other(now, given_by)
        since = local_day(situation, now.since) if now.since is not None else None
        if given_by == "representative" and since is not None and day < since:
            yield Reason("consent.withdraw.before_unable", {"since": since.isoformat()}, where="withdrawn_on")


def against_document(given_by: Giver, by_document: str) -> Iterator[Reason]:
    """Somebody else than the patient names the paper that says so; the patient none."""
    if given_by == "patient" and said(by_document):
        yield Reason("consent.giver.document_of_patient", where="by_document")
    if given_by != "patient" and not said(by_document):
        yield Reason("consent.giver.document_missing", where="by_document")


def _cannot(now: Deciding) -> Iterator[Reason]:
    if now.because == "stated":
        yield Reason("consent.giver.stated", where="given_by")
    elif now.because:
        yield Reason(f"consent.giver.{now.because}", {"grade": now.unable_from}, source="access/people.yaml, deciding (unverified)", where="given_by")


def _other(now: Deciding, given_by: Giver) -> Iterator[Reason]:
    if given_by == "guardian" and now.minor is False:
        yield _of_age("consent.giver.of_age", now)
    elif given_by == "representative" and now.minor:
        yield _of_age("consent.giver.guardian_decides", now)
    elif given_by == "representative" and now.patient_decides:
        yield Reason("consent.giver.decides_alone", where="given_by")


def _of_age(code: str, now: Deciding) -> Reason:
    return Reason(code, {"years": now.majority or 0}, source="regions, deciding (unverified)", where="given_by")


# --- steps that can wait --------------------------------------------------------------------------------------------


def elective(situation: Situation) -> Iterator[Reason]:
    """What stands before a step that can wait, where a consent to treatment stands at all: who gave it does not decide any more, or nobody knows who decides."""
    care = [consent for consent in standing(situation.case, situation.today) if consent.kind == "care"]
    if not care or in_force(situation.case, situation.now) is not None:  # without one the step says so itself; an emergency stands for it
        return
    now = deciding(situation)
    if now.minor is None:
        yield Reason("consent.elective.majority_unknown" if now.majority is None else "consent.elective.age_unknown")
    elif now.minor and all(consent.given_by == "patient" for consent in care):
        yield Reason("consent.elective.guardian_missing", {"years": now.majority or 0}, source="regions, deciding (unverified)")
    elif not now.minor and now.able is not False and all(consent.given_by != "patient" for consent in care):
        yield Reason("consent.elective.unconfirmed")


def standing(case: Case, day: date) -> tuple[Consent, ...]:
    """Consents that were neither withdrawn nor have expired on a day."""
    return tuple(consent for consent in case.consents if holds_on(consent, day))


def to_confirm(case: Case, day: date, now: Deciding) -> tuple[Consent, ...]:
    """The consents that others gave and that the patient, who decides now, has not given too: of the same kind, and no narrower."""
    if not now.patient_decides:
        return ()
    every = standing(case, day)
    own = [consent for consent in every if consent.given_by == "patient"]
    return tuple(one for one in every if one.given_by != "patient" and not any(_replaces(mine, one) for mine in own))


def doubtful(case: Case, now: Deciding) -> tuple[Consent, ...]:
    """Consents that the patient took back when a child, unable to decide or in doubt of it, and of which nobody has said since what is to hold.

    The withdrawal holds all the same. It is answered by whoever decides: a consent of the same kind, or the withdrawal once more.
    """
    return tuple(consent for consent in case.consents if consent.withdrawn_on is not None and _in_doubt(case, consent, now))


def _in_doubt(case: Case, consent: Consent, now: Deciding) -> bool:
    taken_back = [entry for entry in case.of(ConsentWithdrawn) if entry.event.consent_id == consent.consent_id]
    last = max(taken_back, key=lambda entry: entry.origin.recorded_at, default=None)
    if last is None or last.event.withdrawn_by != "patient":
        return False
    then = last.origin.recorded_at
    given_since = any(other.kind == consent.kind and other.origin.recorded_at > then for other in case.consents)
    return not given_since and (now.minor is True or _unable(case, now.unable_from, then)[0] != "")


def _replaces(mine: Consent, others: Consent) -> bool:
    same = mine.kind == others.kind and mine.origin.recorded_at >= others.origin.recorded_at
    return same and _as_wide(mine.recipients, others.recipients) and _as_wide(mine.purposes, others.purposes)


def _as_wide(mine: tuple[str, ...], others: tuple[str, ...]) -> bool:
    return not mine or (bool(others) and set(others) <= set(mine))
