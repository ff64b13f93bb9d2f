"""What a person asks for of the own data, and the answer: a copy, a correction, that the data is used for care alone, its erasure.

Main job: the rules of `MakeRequest` (the patient or who decides for the patient, on the own page), `EnterRequest` (a letter, a call, somebody at the desk), `NameEntries`
and `AnswerRequest`; `requests_of(case)`, each request with its answer; `clock_of(…)`, by when it is answered.

A request is open until it is answered. A correction is granted once the entries it is about were put right by who may (`CorrectEntry`), a restriction holds with its
answer, an erasure is done with it by two persons and never against a hold or a law that keeps. Who is refused is told why and to whom to turn. The last answer counts:
a refusal can be granted later, and a restriction lifted; what was erased stays erased.

After the patient's death nothing is asked in the patient's name; who enters it for a close relative names the paper.

**Source**: PIPL articles 44 to 50 (49: close relatives of who died), PDPO sections 18 to 25, Macao Law 8/2005 articles 11 and 12, as rights of the person;
days in `data/person-requests/`.
Elsewhere: what keeps data from erasure, `node/people/erasure.py`; what follows from an answer, `node/people/requests.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.base.time import start_of_day
from baybridge.consent import rendering
from baybridge.consent.deciding import against_document, against_taker_back
from baybridge.consent.helping import acting_as
from baybridge.documents.document_set import DocumentSet
from baybridge.documents.person_requests import RequestClock, RequestLaw, Right
from baybridge.journey.case import Case
from baybridge.journey.checks import CLOCK_TOLERANCE, local_day, said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.entry import Entry
from baybridge.journey.events import Channel, EntriesNamed, Giver, RequestAnswered, RequestMade, RequestOutcome
from baybridge.journey.prefill import FormContext
from baybridge.journey.row import ANYWHERE, CommandRow, Correction, EventRow, Second, never_blocked, roles
from baybridge.journey.texts import Note

#: As many letters as words need that somebody else can judge later, as for breaches. Convention of this project.
SHORTEST = 10
#: The earliest year of a request; before it there was no such right. Source: Macao Law 8/2005; PDPO in force 1996.
_FIRST_YEAR = 1996
_MOST_NAMED = 200  # entries in one request. Convention of this project.


class MakeRequest(Struct, frozen=True, kw_only=True):
    """Ask for a right over the own data."""

    right: Right
    words: Annotated[Note, Meta(description="what is asked for, in the person's own words")]


class EnterRequest(Struct, frozen=True, kw_only=True):
    """Enter what a person asked for in another way than on the own page."""

    right: Right
    words: Annotated[Note, Meta(description="what is asked for, in the person's own words")]
    channel: Channel
    received_at: Annotated[datetime | None, Meta(description="when it came; the clock runs from then")] = None
    made_by: Giver = "patient"
    by_document: Annotated[Note, Meta(description="of somebody else than the patient: the paper that says so, and where it is filed")] = ""


class NameEntries(Struct, frozen=True, kw_only=True):
    """Say which entries a request is about."""

    request_id: str
    what: Annotated[tuple[str, ...], Meta(description="ids of entries, or Type/id of resources")]


class AnswerRequest(Struct, frozen=True, kw_only=True):
    """Answer a request; the person reads it."""

    request_id: str
    outcome: RequestOutcome
    because: Annotated[Note, Meta(description="what was done, or why not; the person reads it")]
    basis: Annotated[Note, Meta(description="the law by which it is erased or refused")] = ""
    remedy: Annotated[Note, Meta(description="of a refusal: to whom the person can turn")] = ""
    what: Annotated[tuple[str, ...], Meta(description="of an erasure: ids of entries, or Type/id of resources")] = ()


@dataclass(frozen=True, slots=True)
class Clock:
    """By when a request is answered: the rule, the last day of it, and the moment at which it is late."""

    rule: RequestClock
    last_day: date
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """A request with its answers, the last of which counts, and the entries that it is about."""

    entry: Entry[RequestMade]
    named: tuple[str, ...]
    answers: tuple[Entry[RequestAnswered], ...]

    @property
    def id(self) -> str:
        """The id of the entry that opened it."""
        return self.entry.origin.event_id

    @property
    def answer(self) -> Entry[RequestAnswered] | None:
        """What was answered last; None while it waits."""
        return self.answers[-1] if self.answers else None

    @property
    def erased(self) -> bool:
        """Whether something was erased for it."""
        return any(one.event.what for one in self.answers)


# --- reading --------------------------------------------------------------------------------------------------------


def requests_of(case: Case) -> tuple[Request, ...]:
    """Every request that was made here, the newest first."""
    here = (entry for entry in case.of(RequestMade) if not entry.origin.told)
    return tuple(sorted((_request(case, entry) for entry in here), key=lambda one: (one.entry.event.received_at, one.id), reverse=True))


def open_requests(case: Case) -> tuple[Request, ...]:
    """The requests that nobody answered."""
    return tuple(one for one in requests_of(case) if one.answer is None)


def _request(case: Case, entry: Entry[RequestMade]) -> Request:
    mine = entry.origin.event_id
    named = [what for one in case.of(EntriesNamed) if one.event.request_id == mine for what in one.event.what]
    return Request(entry, tuple(dict.fromkeys(named)), tuple(one for one in case.of(RequestAnswered) if one.event.request_id == mine))


def clock_of(documents: DocumentSet, region: str, made: RequestMade, zone: ZoneInfo) -> Clock | None:
    """By when a request is answered: by the shortest period of the region, else by that of everywhere; None where no document names one."""
    laws = [documents.one(RequestLaw, "person-requests", name) for name in sorted(documents.folder("person-requests"))]
    there = [rule for law in laws if region in law.jurisdiction for rule in law.rules if made.right in rule.rights]
    everywhere = [rule for law in laws if not law.jurisdiction for rule in law.rules if made.right in rule.rights]
    rule = min(there or everywhere, key=lambda one: one.days, default=None)
    if rule is None:
        return None
    last_day = made.received_at.astimezone(zone).date() + timedelta(days=rule.days)
    return Clock(rule, last_day, start_of_day(last_day + timedelta(days=1), zone))


# --- asking ---------------------------------------------------------------------------------------------------------


def make_request(situation: Situation, given: MakeRequest) -> Verdict:
    """The request stands, unless the same one waits for its answer already; of who decides for the patient, while that person does."""
    made_by, paper, against = _maker(situation)
    against += [*_died(situation), *_words(given.words, "words"), *_waits_already(situation, given.right, given.words)]
    if against:
        return refuse(*against)
    return (RequestMade(right=given.right, words=given.words.strip(), received_at=situation.now, channel="page", made_by=made_by, by_document=paper),)


def may_not_ask(situation: Situation) -> Iterator[Reason]:
    """What stands against this account's asking, whatever is asked for."""
    yield from _maker(situation)[2]
    yield from _died(situation)


def _died(situation: Situation, received_at: datetime | None = None) -> Iterator[Reason]:
    """Who died asks for nothing any more; what the patient sent until that day is still entered and answered."""
    died_on = situation.case.died_on
    if died_on is None or (received_at is not None and local_day(situation, received_at) <= died_on):
        return
    source = "PIPL article 49; elsewhere a convention of this project"
    yield Reason("consent.request.died", {"day": died_on.isoformat()}, source=source, where="" if received_at is None else "made_by")


def _maker(situation: Situation) -> tuple[Giver, str, list[Reason]]:
    """In which capacity this account asks, by which paper, and what stands against it."""
    if situation.actor.role is Role.PATIENT:
        return "patient", "", []
    let_in = acting_as(situation)
    if let_in is None or let_in.event.capacity == "caregiver":
        return "patient", "", [Reason("consent.request.caregiver")]
    made_by: Giver = "guardian" if let_in.event.capacity == "guardian" else "representative"
    paper = let_in.event.by_document
    return made_by, paper, list(against_taker_back(situation, made_by, paper, situation.today))


def enter_request(situation: Situation, given: EnterRequest) -> Verdict:
    """The request stands from when it came, which is not ahead."""
    received_at = given.received_at or situation.now
    against = [
        *_words(given.words, "words"),
        *_waits_already(situation, given.right, given.words),
        *_moment(situation, received_at),
        *(_died(situation, received_at) if given.made_by == "patient" else ()),
        *against_document(given.made_by, given.by_document),
    ]
    if against:
        return refuse(*against)
    return (
        RequestMade(
            right=given.right, words=given.words.strip(), received_at=received_at, channel=given.channel, made_by=given.made_by, by_document=given.by_document.strip()
        ),
    )


def _moment(situation: Situation, at: datetime) -> Iterator[Reason]:
    if at > situation.now + CLOCK_TOLERANCE:
        yield Reason("consent.request.future", where="received_at")
    elif at.year < _FIRST_YEAR:
        yield Reason("consent.request.too_early", {"year": _FIRST_YEAR}, where="received_at")


def _words(text: str, where: str) -> Iterator[Reason]:
    if len(text.strip()) < SHORTEST:
        yield Reason("consent.request.words", {"least": SHORTEST}, where=where)


def _waits_already(situation: Situation, right: Right, words: str) -> Iterator[Reason]:
    if any(one.entry.event.right == right and one.entry.event.words == words.strip() for one in open_requests(situation.case)):
        yield Reason("consent.request.again", where="words")


# --- answering ------------------------------------------------------------------------------------------------------


def none_to_answer(situation: Situation) -> Iterator[Reason]:
    """Nobody asked for anything here."""
    if not requests_of(situation.case):
        yield Reason("consent.request.none")


def name_entries(situation: Situation, given: NameEntries) -> Verdict:
    """Those who may put them right are asked to look; entries of this case, or of this person's record."""
    request = _asked(situation, given.request_id)
    what = _listed(given.what)
    against = [*_unknown(request), *_named_at_all(what)]
    if request is not None and request.answer is not None:
        against.append(Reason("consent.request.answered", where="request_id"))
    if request is not None and request.entry.event.right != "correction":
        against.append(Reason("consent.request.names_nothing", where="request_id"))
    known = {entry.origin.event_id for entry in situation.case.history}
    mine = {f"{one['resourceType']}/{one['id']}" for one in situation.record.resources}
    strange = [place for place, one in enumerate(what, start=1) if one not in known and one not in mine]
    against += [Reason("consent.request.not_theirs", {"place": place}, where="what") for place in strange]
    return refuse(*against) if against else (EntriesNamed(request_id=given.request_id, what=what),)


def answer_request(situation: Situation, given: AnswerRequest) -> Verdict:
    """The answer stands and what it grants is done with it; every reason that stands against it otherwise."""
    request = _asked(situation, given.request_id)
    against = [*_unknown(request), *_words(given.because, "because")]
    if request is not None:
        against += _AGAINST[request.entry.event.right](situation, given, request) if given.outcome != "refused" else []
        against += _refusing(given, request) if given.outcome != "granted" else []
        against += _what_of_another(given, request)
    if against or request is None:
        return refuse(*against)
    erases = request.entry.event.right == "erasure" and given.outcome != "refused"
    return (
        RequestAnswered(
            request_id=given.request_id,
            right=request.entry.event.right,
            outcome=given.outcome,
            because=given.because.strip(),
            basis=given.basis.strip(),
            remedy=given.remedy.strip(),
            what=_listed(given.what) if erases else (),
        ),
    )


def _refusing(given: AnswerRequest, request: Request) -> Iterator[Reason]:
    """Who is refused, in whole or in part, is told by which law and to whom to turn."""
    if given.outcome == "refused" and request.erased:
        yield Reason("consent.request.erased_already", where="outcome")
    if not said(given.basis):
        yield Reason("consent.request.no_basis", where="basis")
    if not said(given.remedy):
        yield Reason("consent.request.no_remedy", where="remedy")


def _what_of_another(given: AnswerRequest, request: Request) -> Iterator[Reason]:
    if _listed(given.what) and (request.entry.event.right != "erasure" or given.outcome == "refused"):
        yield Reason("consent.request.nothing_erased", where="what")


def _copy(_: Situation, __: AnswerRequest, ___: Request) -> list[Reason]:
    return []


def _correction(situation: Situation, given: AnswerRequest, request: Request) -> list[Reason]:
    """Granted once everything it is about was put right; in part, once something was."""
    put_right = situation.record.put_right
    if not request.named:
        return [Reason("consent.request.name_first", where="request_id")]
    open_ = [one for one in request.named if put_right is None or not put_right(one, request.entry.event.received_at)]
    enough = not open_ if given.outcome == "granted" else len(open_) < len(request.named)
    return [] if enough else [Reason("consent.request.not_put_right", {"count": len(open_)}, where="outcome")]


def _restriction(_: Situation, given: AnswerRequest, __: Request) -> list[Reason]:
    return [Reason("consent.request.no_part", where="outcome")] if given.outcome == "partly" else []


def _erasure(situation: Situation, given: AnswerRequest, _: Request) -> list[Reason]:
    """The same reasons as for the command: a hold, a law that keeps, a decision that was made on it."""
    erasable = situation.record.erasable
    if erasable is None:
        raise ValueError("what keeps data was not asked for")
    return list(erasable(_listed(given.what), given.basis))


_AGAINST = {"copy": _copy, "correction": _correction, "restriction": _restriction, "erasure": _erasure}


def _asked(situation: Situation, request_id: str) -> Request | None:
    return next((one for one in requests_of(situation.case) if one.id == request_id), None)


def _unknown(request: Request | None) -> Iterator[Reason]:
    if request is None:
        yield Reason("consent.request.unknown", where="request_id")


def _named_at_all(what: tuple[str, ...]) -> Iterator[Reason]:
    if not what:
        yield Reason("consent.request.nothing_named", where="what")
    elif len(what) > _MOST_NAMED:
        yield Reason("consent.request.too_many", {"most": _MOST_NAMED}, where="what")


def _listed(what: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.strip() for one in what if one.strip()))


def erases(situation: Situation, given: AnswerRequest) -> bool:
    """Whether this answer erases something: another person agrees first."""
    request = _asked(situation, given.request_id)
    return request is not None and request.entry.event.right == "erasure" and given.outcome != "refused"


def to_whom(context: FormContext) -> dict[str, object]:
    """To whom a person can turn who is refused, by the document of the region."""
    laws = [context.documents.one(RequestLaw, "person-requests", name) for name in sorted(context.documents.folder("person-requests"))]
    named = next((law.complains for law in laws if context.site.jurisdiction in law.jurisdiction and law.complains), {})
    return {"remedy": named.get(context.language) or named.get("en", "")}


#: What page, command line, FHIR and other nodes know about these commands; a request stays at the organisation that was asked.
COMMAND_ROWS = (
    CommandRow(
        MakeRequest, make_request, roles(Role.PATIENT, Role.CAREGIVER),
        (EventRow(RequestMade, rendering.request_made),),
        page="requests",
        correction=Correction(None, undo="AnswerRequest"),
        kinds=ANYWHERE,
        purpose="privacy",
        blocked=may_not_ask,
        button=None,
    ),
    CommandRow(
        EnterRequest, enter_request, roles(Role.QUALITY, Role.COORDINATOR),
        (EventRow(RequestMade, rendering.request_made),),
        page="requests",
        correction=Correction(None, undo="AnswerRequest"),
        kinds=ANYWHERE,
        purpose="privacy",
        blocked=never_blocked,
        place=10,
    ),
    CommandRow(
        NameEntries, name_entries, roles(Role.QUALITY),
        (EventRow(EntriesNamed, rendering.entries_named),),
        page="requests",
        correction=Correction(None, undo="AnswerRequest"),
        kinds=ANYWHERE,
        purpose="privacy",
        needs=frozenset({"resources"}),
        choices={"request_id": "person_request"},
        blocked=none_to_answer,
        button=None,
    ),
    CommandRow(
        AnswerRequest, answer_request, roles(Role.QUALITY),
        (EventRow(RequestAnswered, rendering.request_answered),),
        page="requests",
        correction=Correction(None, undo="AnswerRequest"),
        kinds=ANYWHERE,
        purpose="privacy",
        needs=frozenset({"erasable", "put_right"}),
        choices={"request_id": "person_request"},
        blocked=none_to_answer,
        prefill=to_whom,
        second=Second("agreed_to_erase", when=erases, entered="erased"),
        button=None,
    ),
)
