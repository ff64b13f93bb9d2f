"""Every role at every route, on its own and on another's patient: the expected answer stands in this file, not in the code under test.

A route without a row here fails; so does a route whose action has no row in `node/people/access.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from acceptance.support import Clock, record
from baybridge.api import fhir, health, services
from baybridge.app import application, every_route
from baybridge.base.outcome import Refusal
from baybridge.http.doors import Door
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import PreauthorisationRequested, QuoteIssued
from baybridge.node import tables
from baybridge.node.clock import new_id
from baybridge.node.config import read_config
from baybridge.node.handle import handle
from baybridge.node.intake.importing import import_upload
from baybridge.node.node import Node
from baybridge.node.people import access, accounts
from baybridge.node.upkeep.founding import found
from baybridge.web.page import pages

DOORS: tuple[Door, ...] = (*health.DOORS, *services.DOORS, *fhir.DOORS, *pages.DOORS)

# --- who there is -----------------------------------------------------------------------------------------------------

HERE, ELSEWHERE, PAYER, OTHER_PAYER, ALLIANCE = "Hospital", "Another hospital", "asked-payer", "other-payer", "Alliance"
OWN, OTHER = "own-patient", "other-patient"
CARE = {"coordinator", "physician", "nurse", "pharmacist", "quality"}
SITE = CARE | {"laboratory", "manufacturer"}
PEOPLE: dict[str, tuple[Role, str, str | None]] = {
    **{role: (Role(role), HERE, None) for role in sorted(SITE)},
    **{f"{role} elsewhere": (Role(role), ELSEWHERE, None) for role in sorted(SITE)},
    "patient": (Role.PATIENT, HERE, OWN),
    "other patient": (Role.PATIENT, HERE, OTHER),
    "caregiver": (Role.CAREGIVER, HERE, OWN),  # whom nobody let in
    "helper": (Role.CAREGIVER, HERE, OWN),  # let in, and nothing named
    "payer": (Role.PAYER, PAYER, None),
    "other payer": (Role.PAYER, OTHER_PAYER, None),
    "alliance": (Role.ALLIANCE, ALLIANCE, None),
    "administrator": (Role.ADMINISTRATOR, HERE, None),
}
EVERYBODY = set(PEOPLE)
NOT_ELSEWHERE = {name for name in PEOPLE if not name.endswith("elsewhere")}
NOBODY = "nobody"

# --- who may what: (method, path) -> people; the case and the resources are those of OWN --------------------------------

ANYONE = EVERYBODY | {NOBODY}  # without signing in
ON_CASE = SITE | {"patient"}
ON_CARE = CARE | {"patient"}
ON_RECORD = ON_CARE | {"laboratory"}  # of FHIR's types the one that is tried here, Observation; `test_access_by_kind.py` has the others
HELPERS = {"caregiver", "helper"}
LISTS = SITE | {"patient", "other patient", "payer", "other payer"} | HELPERS  # who was not let in finds an empty one
TRIES = {"coordinator", "physician", "pharmacist", "quality", "alliance", "payer", "other payer"}
WRITES = {"coordinator", "physician", "nurse", "laboratory"}
BREAKS_GLASS = {f"{role}{where}" for role in ("physician", "nurse", "pharmacist") for where in ("", " elsewhere")}
WITHDRAWS = {"coordinator", "physician", "nurse", "patient", "helper"}  # the command that is tried is WithdrawConsent; of a helper its rule refuses it

EXPECTED: dict[tuple[str, str], set[str]] = {
    ("GET", "/health/live"): ANYONE,  # says nothing of any patient
    ("GET", "/health/ready"): ANYONE,
    ("POST", "/session"): ANYONE,
    ("POST", "/do/{command}"): WITHDRAWS,
    ("POST", "/decide/{policy}"): NOT_ELSEWHERE - {"patient", "other patient"} - HELPERS,
    ("GET", "/log/checkpoint"): ANYONE,
    ("GET", "/log/witnessed"): ANYONE,
    ("GET", "/log/proof/{position:int}/{size:int}"): ANYONE,
    ("GET", "/log/consistency/{old:int}/{new:int}"): ANYONE,
    ("GET", "/log/entries"): SITE | {"alliance", "administrator"},
    ("POST", "/exchange/packages"): ANYONE,  # its signature says who sends it
    ("POST", "/exchange/checkpoints"): ANYONE,
    ("POST", "/exchange/restored"): ANYONE,
    ("POST", "/exchange/cosignatures"): ANYONE,
    ("GET", "/log/keys"): ANYONE,  # public keys
    ("GET", "/.well-known/baybridge.json"): ANYONE,
    ("GET", "/.well-known/jwks.json"): ANYONE,
    ("GET", "/.well-known/smart-configuration"): ANYONE,
    ("GET", "/fhir/metadata"): ANYONE,
    ("POST", "/fhir"): WRITES,
    ("POST", "/fhir/"): WRITES,
    ("POST", "/fhir/{kind}/_search"): ON_RECORD | {"other patient"},  # finds the own record and nothing else
    ("POST", "/fhir/{kind}/$validate"): WRITES,
    ("GET", "/fhir/Patient/{id}/$everything"): ON_RECORD,
    ("GET", "/fhir/{kind}/{id}/_history/{version}"): ON_RECORD,
    ("GET", "/fhir/{kind}/{id}/_history"): ON_RECORD,
    ("GET", "/fhir/{kind}/{id}"): ON_RECORD,
    ("PUT", "/fhir/{kind}/{id}"): WRITES,
    ("PUT", "/fhir/{kind}"): WRITES,
    ("DELETE", "/fhir/{kind}/{id}"): WRITES - {"nurse"},
    ("DELETE", "/fhir/{kind}"): WRITES - {"nurse"},
    ("GET", "/fhir/{kind}"): ON_RECORD | {"other patient"},
    ("POST", "/fhir/{kind}"): WRITES,
    **{(method, "/fhir/{rest:path}"): ON_CASE | {"other patient", "payer", "other payer"} for method in ("GET", "POST", "PUT", "DELETE")},  # answers not-found
    ("GET", "/sign-in"): ANYONE,
    ("POST", "/sign-in"): ANYONE,
    **{(method, "/sign-in/invitation"): ANYONE for method in ("GET", "POST")},
    **{("GET", f"/sign-in/outside/{{provider}}{way}"): ANYONE for way in ("", "/back", "/leave")},  # a provider that is not there answers not-found
    ("POST", "/sign-in/code"): ANYONE,
    ("POST", "/sign-in/directory"): ANYONE,
    **{(method, "/sign-in/passkey"): ANYONE for method in ("GET", "POST")},
    **{("POST", f"/account/passkeys{way}"): NOT_ELSEWHERE for way in ("", "/made", "/remove")},
    ("POST", "/sign-in/invitation/outside"): ANYONE,
    **{("GET", f"/notifications{way}"): NOT_ELSEWHERE for way in ("", "/number")},
    **{("POST", path): NOT_ELSEWHERE for path in ("/notifications/open", "/notifications/seen", "/account/notifications")},
    ("POST", "/account/outside"): NOT_ELSEWHERE,
    ("POST", "/account/outside/end"): NOT_ELSEWHERE,
    ("POST", "/sign-out"): EVERYBODY,
    ("POST", "/hand-over"): EVERYBODY,
    ("POST", "/account/sessions/end"): NOT_ELSEWHERE,
    ("POST", "/account/role"): NOT_ELSEWHERE,
    ("POST", "/account/calendar"): CARE | {"patient", "other patient"},
    ("POST", "/account/calendar/end"): NOT_ELSEWHERE,
    ("GET", "/calendar/{link}"): ANYONE,  # its token says who; an unknown one answers not-found
    ("GET", "/"): NOT_ELSEWHERE,
    ("GET", "/search"): SITE,
    ("POST", "/search"): SITE,
    ("GET", "/cases"): LISTS,
    ("GET", "/payer"): {"payer", "other payer"},
    **{("GET", f"/cases.{form}"): LISTS for form in ("csv", "xlsx")},
    **{("GET", f"/payer.{form}"): {"payer", "other payer"} for form in ("csv", "xlsx")},
    **{("GET", f"/accounts.{form}"): {"administrator"} for form in ("csv", "xlsx")},
    **{("GET", f"/log/entries.{form}"): SITE | {"alliance", "administrator"} for form in ("csv", "xlsx")},
    **{("GET", f"/indicators.{form}"): {"quality", "alliance"} for form in ("csv", "xlsx")},
    **{("GET", f"/cases/{{case_id}}/looked.{form}"): {"quality", "patient"} for form in ("csv", "xlsx")},
    ("GET", "/payer/programme"): {"payer", "other payer"},
    **{(method, "/lab"): {"coordinator", "quality", "payer", "other payer", "alliance", "administrator"} for method in ("GET", "POST")},
    ("GET", "/import"): {"coordinator", "physician", "laboratory"},
    ("POST", "/import"): {"coordinator", "physician", "laboratory"},
    ("GET", "/account"): NOT_ELSEWHERE,
    ("POST", "/account/second-factor"): NOT_ELSEWHERE,
    ("POST", "/account/second-factor/confirm"): NOT_ELSEWHERE,
    ("POST", "/account/second-factor/off"): NOT_ELSEWHERE,
    ("GET", "/accounts"): {"administrator"},
    ("GET", "/accounts/rights"): {"administrator", "quality"},
    **{(method, "/accounts/staff"): {"administrator"} for method in ("GET", "POST")},  # without a file it is refused
    ("POST", "/accounts/add"): {"administrator"},
    ("POST", "/accounts/change"): {"administrator"},
    ("GET", "/cards"): {"coordinator", "physician", "laboratory"},
    ("POST", "/cards"): {"coordinator", "physician", "laboratory"},
    ("GET", "/cases/{case_id}/card"): ON_CARE | {"laboratory"},
    ("GET", "/cases/{case_id}/card/{card}"): ON_CARE | {"laboratory"},  # one that was never issued answers not-found
    ("GET", "/codes"): {"coordinator", "physician", "laboratory", "quality"},
    ("POST", "/codes"): {"physician", "laboratory"},
    ("POST", "/codes/undo"): {"physician", "laboratory"},
    ("GET", "/log"): NOT_ELSEWHERE,
    ("GET", "/log/trust.json"): ANYONE,
    ("GET", "/indicators"): {"quality", "alliance"},
    ("GET", "/exceptions"): {"quality", "alliance"},
    ("GET", "/directory"): NOT_ELSEWHERE,
    ("GET", "/directory/{document}/{row}"): NOT_ELSEWHERE,
    ("POST", "/directory/{document}"): {"alliance", "administrator"},
    ("POST", "/directory/{document}/{row}"): {"alliance", "administrator"},
    ("GET", "/safety"): {"quality", "alliance", "administrator"},
    **{(method, "/breaches"): {"quality", "administrator"} for method in ("GET", "POST")},
    ("POST", "/breaches/{breach_id}"): {"quality", "administrator"},
    ("GET", "/requests"): {"quality"},
    **{("POST", f"/requests/person{part}"): {"quality"} for part in ("", "/copy", "/mark", "/erase")},  # whose record stands in the form
    **{(method, "/queue"): {"administrator"} for method in ("GET", "POST")},
    ("GET", "/paper"): LISTS,
    ("GET", "/operation"): {"administrator"},
    ("GET", "/operation/parts"): {"administrator"},
    ("GET", "/operation/neighbours"): {"quality", "administrator"},
    ("POST", "/operation/neighbours/clear"): {"quality", "administrator"},  # two persons, whose roles the act itself asks too
    **{("POST", f"/operation/neighbours/{act}"): {"administrator"} for act in ("add", "remove", "rotate", "directory", "directory/made")},
    ("GET", "/processing"): {"quality", "administrator"},
    ("GET", "/spared"): {"quality", "alliance", "coordinator"},
    ("GET", "/trials"): NOT_ELSEWHERE,
    ("POST", "/trials"): {"coordinator", "physician"},
    ("POST", "/trials/check"): {"physician", "pharmacist"},
    ("GET", "/trials/{trial_id}"): NOT_ELSEWHERE,
    ("GET", "/trials/{trial_id}/review"): {"physician", "pharmacist"},
    ("POST", "/trials/{trial_id}/review"): {"physician", "pharmacist"},
    ("GET", "/trials/{trial_id}/patients"): {"coordinator", "physician"},
    ("GET", "/centres"): NOT_ELSEWHERE,
    ("GET", "/centres/{centre_id}"): NOT_ELSEWHERE,
    ("GET", "/documents"): NOT_ELSEWHERE,
    ("GET", "/documents/{folder}/{name}"): NOT_ELSEWHERE,
    ("GET", "/policies"): NOT_ELSEWHERE,
    ("GET", "/policies/{policy_id}"): NOT_ELSEWHERE,
    ("GET", "/policies/{policy_id}/document.yaml"): NOT_ELSEWHERE,
    ("GET", "/policies/{policy_id}/compare"): NOT_ELSEWHERE,
    ("GET", "/policies/{policy_id}/what-if"): TRIES,
    ("GET", "/cases/{case_id}"): ON_CASE | {"helper"},
    ("GET", "/cases/{case_id}/facts"): ON_RECORD,
    ("GET", "/cases/{case_id}/options"): ON_RECORD,
    ("GET", "/cases/{case_id}/eligibility"): ON_RECORD,
    ("GET", "/cases/{case_id}/tests"): ON_RECORD,
    ("GET", "/cases/{case_id}/identity"): CARE | {"laboratory"},
    ("GET", "/cases/{case_id}/funding"): ON_CARE | {"payer"},
    ("GET", "/cases/{case_id}/funding/ask"): {"coordinator"},
    ("POST", "/cases/{case_id}/funding/ask"): {"coordinator"},
    ("GET", "/cases/{case_id}/funding/quote"): ON_CARE,
    ("GET", "/cases/{case_id}/funding/quote.json"): ON_CARE,
    ("GET", "/cases/{case_id}/funding/compare"): ON_CARE,
    ("GET", "/cases/{case_id}/funding/milestone.json"): ON_CARE | {"payer"},
    ("GET", "/cases/{case_id}/sharing"): ON_CARE,
    ("GET", "/cases/{case_id}/cells"): ON_CASE,
    ("GET", "/cases/{case_id}/bedside"): ON_CARE,
    **{(method, "/cases/{case_id}/attachments"): ON_CARE | {"laboratory"} for method in ("GET", "POST")},
    ("GET", "/cases/{case_id}/attachments/{attachment}"): ON_CARE | {"laboratory"},  # one that is not there answers not-found
    ("GET", "/cases/{case_id}/messages"): CARE | {"laboratory", "payer"},  # a payer's people: their own messages alone
    ("POST", "/cases/{case_id}/messages/files"): CARE | {"laboratory", "payer"},
    ("GET", "/cases/{case_id}/messages/files/{attachment}"): CARE | {"laboratory", "payer"},  # one that is of none of their messages answers not-found
    ("GET", "/cases/{case_id}/attachments/{attachment}/proposals"): ON_CARE | {"laboratory"},
    ("GET", "/cases/{case_id}/attachments/{attachment}/pages/{page:int}"): ON_CARE | {"laboratory"},
    ("GET", "/cases/{case_id}/calendar.ics"): ON_CARE | {"helper"},
    ("GET", "/live"): CARE,
    ("GET", "/live/calls"): CARE,
    ("GET", "/ward"): CARE,
    ("GET", "/ward/rows"): CARE,
    ("GET", "/cases/{case_id}/flowsheet"): ON_CARE,
    ("GET", "/cases/{case_id}/followup"): ON_CARE,
    ("GET", "/cases/{case_id}/timeline"): ON_CASE,
    ("GET", "/cases/{case_id}/watch"): ON_CARE | {"helper"},
    ("GET", "/cases/{case_id}/looked"): {"patient", "quality"},
    ("GET", "/cases/{case_id}/looked.json"): {"patient", "quality"},
    ("GET", "/cases/{case_id}/requests"): ON_CARE,
    ("GET", "/cases/{case_id}/copy.zip"): {"patient", "quality"},
    ("POST", "/cases/{case_id}/mark"): {"quality"},  # without a reason it is refused
    ("GET", "/cases/{case_id}/state.json"): ON_CARE,  # it holds grades, doses and money
    **{(method, "/cases/{case_id}/entries/{event_id}"): SITE for method in ("GET", "POST")},  # an entry that is not there answers not-found
    ("GET", "/emergency/{case}"): BREAKS_GLASS,
    ("POST", "/emergency/{case}"): BREAKS_GLASS,  # without a reason it is refused
    ("GET", "/cases/{case_id}/evidence"): ON_CARE,
    ("GET", "/cases/{case_id}/evidence.json"): ON_CARE,
    ("GET", "/confirmations"): SITE,
    **{(method, "/cases/{case_id}/confirmations/{confirmation}"): SITE for method in ("GET", "POST")},  # one that nobody asked for answers not-found
    ("GET", "/cases/{case_id}/do/{command}"): WITHDRAWS,
    ("POST", "/cases/{case_id}/do/{command}"): WITHDRAWS,
    ("POST", "/cases/{case_id}/courier/{shipment}"): {"coordinator", "nurse", "pharmacist", "manufacturer"},
}

PUBLIC = re.compile(
    r"/health/(live|ready)|/session|/sign-in(/.*)?|/fhir/metadata|/\.well-known/.*|/log/(trust\.json|keys|checkpoint|witnessed|proof/.*|consistency/.*)|/exchange/.*|/calendar/.*"
)


def ways() -> list[tuple[str, str]]:
    return [(method, door.path) for door in DOORS for method in door.methods]


# --- the routes themselves --------------------------------------------------------------------------------------------


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert sorted(ways()) == sorted(EXPECTED)


def test_every_action_has_a_row_of_access() -> None:
    assert {door.action for door in DOORS} <= set(access.ACTIONS)


def test_public_is_what_needs_no_sign_in_by_its_nature() -> None:
    assert [door.path for door in DOORS if door.action == "public" and not PUBLIC.fullmatch(door.path)] == []
    assert [path for (_, path), people in EXPECTED.items() if NOBODY in people and not PUBLIC.fullmatch(path)] == []


def test_application_has_no_route_besides_the_doors(house: House) -> None:
    assert {route.path for route in every_route(house.node)} == {door.path for door in DOORS} | {"/static"}


# --- trying them ------------------------------------------------------------------------------------------------------


@dataclass
class House:
    node: Node
    client: TestClient
    case_id: str
    tokens: dict[str, str]
    parameters: dict[str, str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house") / "node"
    found(folder, {"node": "hk", "organisation": HERE, "jurisdiction": "HK", "kinds": ["centre", "laboratory"]})
    node = Node(read_config(folder), now=Clock())
    coordinator = Actor("first", Role.COORDINATOR, HERE)
    cases = {}
    for patient in (OWN, OTHER):
        bundle = record(patient, node.now())
        if patient == OTHER:  # another person, by name, birth date and document
            bundle["entry"][0]["resource"] |= {
                "name": [{"text": "驗乙"}], "birthDate": "1980-11-30", "identifier": [{"system": "urn:mo:bir", "value": "8765432(1)"}],
            }  # fmt: skip
        imported = import_upload(node, coordinator, "record.json", json.dumps(bundle).encode())
        cases |= imported.cases  # type: ignore[union-attr]
    _ask_payer(node, cases[OWN])
    tokens = {}
    with node.storage.writing() as connection:
        for name, (role, organisation, patient) in PEOPLE.items():
            accounts.add_account(
                connection, account=name, name=name, role=role, organisation=organisation, password="-", patient_id=patient, person_id=f"p-{name.replace(' ', '-')}"
            )
            tokens[name] = accounts.open_session(connection, name, node.now()).token
    let_in = handle(node, Command("AllowCaregiver", cases[OWN], {"person_id": "p-helper"}, Actor("patient", Role.PATIENT, HERE, OWN), new_id(node.now)))
    assert not isinstance(let_in, Refusal), let_in
    parameters = {
        "case_id": cases[OWN],
        "command": "WithdrawConsent",
        "confirmation": "nothing-with-this-id",
        "policy": "axi-cel-lbcl-3l-cn",
        "policy_id": "axi-cel-lbcl-3l-cn",
        "trial_id": "NCT99999901",
        "centre_id": "kiang-wu",
        "kind": "Observation",
        "id": f"{OWN}-a-hb",
        "card": "none",
        "attachment": "none",
        "page:int": "1",
        "case": cases[OWN],
        "event_id": "none",
        "breach_id": "none",
        "version": "1",
        "document": "laboratories",
        "shipment": "nothing-with-this-id",
        "folder": "pathways",
        "name": "cold-chain",
        "row": "mo",
        "provider": "nowhere", "link": "guessed",
        "position:int": "0",
        "size:int": "1",
        "old:int": "1",
        "new:int": "2",
        "rest:path": "No/such/thing/at/all",
    }
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False, raise_server_exceptions=True) as client:
        yield House(node, client, cases[OWN], tokens, parameters)


def _ask_payer(node: Node, case_id: str) -> None:
    with node.unit() as unit:
        quote = QuoteIssued(
            quote_sha256="0" * 64, currency="HKD", gross_minor=1, patient_minor=1, entitled_minor=0, valid_until=node.now().date(), agreement=None
        )
        asked = PreauthorisationRequested(payer=PAYER, plan="p", quote_sha256="0" * 64, amount_minor=1, currency="HKD")
        unit.append(case_id, [quote, asked], node.system(), known=len(unit.events(case_id)))


ENDING = ("/sign-out", "/hand-over")  # a test of its own: the session is over afterwards


def call(house: House, method: str, path: str, who: str, **parameters: str) -> int:
    known = {**house.parameters, **parameters}
    if "$everything" in path:
        known["id"] = known.get("patient", OWN)
    if method == "DELETE":
        known["id"] = "nothing-with-this-id"
    address = re.sub(r"\{([^}]+)\}", lambda match: known[match[1]], path)
    headers = {} if who == NOBODY else {"authorization": f"Bearer {house.tokens[who]}"}
    headers |= {"x-baybridge-reason": "entered-twice"} if method == "DELETE" else {}
    more: dict[str, Any] = {}
    if path == "/do/{command}":
        more["json"] = {"case": known["case_id"], "given": {}}
    elif method in ("POST", "PUT") and path.startswith(("/cases", "/emergency", "/import", "/trials", "/sign-in", "/policies")):
        more["data"] = {"nothing": ""}
    elif method in ("POST", "PUT") and path not in ENDING:
        more["json"] = {}
    with house.node.storage.writing() as connection:
        accounts.forget_attempts(connection, who)  # an act that asks for the password once more counts each of these as a guess
    answer = house.client.request(method, address, headers=headers, **more)
    sent_to_sign_in = answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
    return 401 if sent_to_sign_in and who == NOBODY else int(answer.status_code)


@pytest.mark.parametrize(("method", "path"), sorted(set(ways())))
def test_each_role_on_the_own_patient(house: House, method: str, path: str) -> None:
    allowed = EXPECTED[method, path]
    found = {}
    for who in sorted(EVERYBODY - ({*EVERYBODY} if path in ENDING else set())):
        found[who] = call(house, method, path, who)
    let_in = {who for who, status in found.items() if status not in (401, 403)}
    if method == "POST" and (path == "/session" or path.startswith("/sign-in")):
        assert set(found.values()) <= {400, 401, 403}, "no password, no session"  # 400: the body says neither name nor password
    elif path.startswith("/exchange"):
        assert all(status in (400, 403, 422) for status in found.values()), "without a signature nothing is taken in"
    elif path not in ENDING:
        assert let_in == allowed - {NOBODY}, {who: found[who] for who in let_in ^ (allowed - {NOBODY})}
    assert all(status < 500 for status in found.values()), found


@pytest.mark.parametrize(("method", "path"), sorted(set(ways())))
def test_without_signing_in(house: House, method: str, path: str) -> None:
    status = call(house, method, path, NOBODY)
    if NOBODY in EXPECTED[method, path]:
        assert status < 500
    else:
        assert status == 401


CASE_PATHS = sorted((m, p) for m, p in set(ways()) if "{case_id}" in p)


@pytest.mark.parametrize(("method", "path"), CASE_PATHS)
def test_denial_does_not_tell_whether_a_case_exists(house: House, method: str, path: str) -> None:
    for who in ("other patient", "caregiver", "other payer", "nurse elsewhere", "alliance"):
        there = call(house, method, path, who)
        nowhere = call(house, method, path, who, case_id="no-such-case")
        assert (there, nowhere) == (403, 403)


@pytest.mark.parametrize("path", ["/fhir/{kind}/{id}", "/fhir/{kind}/{id}/_history", "/fhir/{kind}/{id}/_history/{version}"])
def test_denial_does_not_tell_whether_a_resource_exists(house: House, path: str) -> None:
    for who in ("other patient", "nurse elsewhere"):
        assert call(house, "GET", path, who) == call(house, "GET", path, who, id="no-such-id") == 403


def test_search_of_a_patient_finds_the_own_record_only(house: House) -> None:
    headers = {"authorization": f"Bearer {house.tokens['other patient']}"}
    found = house.client.get("/fhir/Observation", headers=headers).json()
    subjects = {entry["resource"]["subject"]["reference"] for entry in found["entry"]}
    assert subjects == {f"Patient/{OTHER}"}


def test_list_shows_each_the_cases_that_are_theirs(house: House) -> None:
    shown = {}
    for who in ("patient", "payer", "other payer", "coordinator"):
        page = house.client.get("/cases", headers={"authorization": f"Bearer {house.tokens[who]}"}).text
        shown[who] = house.case_id in page
    assert shown == {"patient": True, "payer": True, "other payer": False, "coordinator": True}


@pytest.mark.parametrize("path", ENDING)
@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_whoever_signed_in_can_sign_out(house: House, who: str, path: str) -> None:
    """By cookie and by token, also who may do nothing else here: on a shared machine the next person would go on in the session."""
    for by_cookie in (True, False):
        with house.node.storage.writing() as connection:
            session = accounts.open_session(connection, who, house.node.now())
        headers = {"cookie": f"baybridge={session.token}"} if by_cookie else {"authorization": f"Bearer {session.token}"}
        assert house.client.post(path, data={"csrf": session.csrf}, headers=headers).headers["location"].startswith("/sign-in")
        with house.node.storage.reading() as connection:
            assert accounts.session_of(connection, session.token, house.node.now()) is None


def test_form_without_our_token_is_refused(house: House) -> None:
    """A session cookie alone must not be enough: another site could send it along."""
    house.client.cookies.set("baybridge", house.tokens["coordinator"])
    try:
        assert house.client.post("/sign-out", data={}).status_code == 403
        assert house.client.post(f"/cases/{house.case_id}/do/WithdrawConsent", data={"consent_id": "x"}).status_code == 403
        assert house.client.post("/do/WithdrawConsent", json={"case": house.case_id, "given": {}}).status_code == 403
    finally:
        house.client.cookies.clear()


def test_session_ends_and_cannot_be_used_again(house: House) -> None:
    with house.node.storage.writing() as connection:
        session = accounts.open_session(connection, "nurse", house.node.now())
    headers = {"authorization": f"Bearer {session.token}"}
    assert house.client.get("/log/entries", headers=headers).status_code == 200
    with house.node.storage.writing() as connection:
        accounts.close_session(connection, session.token, house.node.now())
    assert house.client.get("/log/entries", headers=headers).status_code == 401


# --- sessions that open nothing ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def over(house: House, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Tokens of coordinators: signed out, expired, of another node, of a closed account, and words that are none."""
    folder, now = tmp_path_factory.mktemp("elsewhere") / "node", house.node.now()
    found(folder, {"node": "sh", "organisation": ELSEWHERE, "jurisdiction": "CN", "kinds": ["centre"]})
    elsewhere = Node(read_config(folder), now=Clock())
    with elsewhere.storage.writing() as connection:
        accounts.add_account(connection, account="coordinator", name="coordinator", role=Role.COORDINATOR, organisation=HERE, password="-")
        foreign = accounts.open_session(connection, "coordinator", now).token
    elsewhere.storage.close()
    with house.node.storage.writing() as connection:
        accounts.add_account(connection, account="closed", name="closed", role=Role.COORDINATOR, organisation=HERE, password="-")
        closed, ended = (accounts.open_session(connection, who, now).token for who in ("closed", "coordinator"))
        expired = accounts.open_session(connection, "coordinator", now - timedelta(hours=3), hours=2).token
        connection.execute(tables.account.update().where(tables.account.c.account == "closed").values(disabled=True))
        accounts.close_session(connection, ended, now)
    stored = house.node.storage
    with stored.reading() as connection:
        digest = connection.execute(select(tables.session.c.token_sha256)).scalars().first()
    return {"expired": expired, "ended": ended, "foreign": foreign, "closed": closed, "nobody's": "x" * 43, "as stored": str(digest), "empty": ""}


@pytest.mark.parametrize(("method", "path"), sorted((m, p) for m, p in set(ways()) if NOBODY not in EXPECTED[m, p]))
def test_a_session_that_is_over_or_anothers_opens_nothing(house: House, over: dict[str, str], method: str, path: str) -> None:
    address = re.sub(r"\{([^}]+)\}", lambda match: house.parameters[match[1]], path)
    for name, token in over.items():
        for headers in ({"authorization": f"Bearer {token}"}, {"cookie": f"baybridge={token}"}, {"authorization": f"Basic {token}"}):
            answer = house.client.request(method, address, headers=headers)
            to_sign_in = answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
            assert answer.status_code == 401 or to_sign_in, (name, list(headers), answer.status_code)
            assert house.case_id not in answer.text or house.case_id in address, name


def test_command_is_refused_alike_by_every_way(house: House) -> None:
    """The same person, the same command: page, service and node agree."""
    node = house.node
    refusal = handle(node, Command("WithdrawConsent", house.case_id, {}, Actor("x", Role.NURSE, ELSEWHERE), "i"))
    assert refusal.surface.http_status == 403  # type: ignore[union-attr]
    assert call(house, "POST", "/do/{command}", "nurse elsewhere") == 403
    assert call(house, "POST", "/cases/{case_id}/do/{command}", "nurse elsewhere") == 403
