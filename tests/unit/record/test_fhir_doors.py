"""What a FHIR client sends is done as it was meant, or refused with a sentence: conditions, searches, pages, narratives, numbers, dates."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from datetime import UTC, datetime

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from baybridge.api import fhir
from baybridge.http.doors import routes
from baybridge.journey.command import Role
from baybridge.node.people import accounts
from baybridge.record.store import store

T0 = datetime(2026, 3, 8, 9, tzinfo=UTC)
CODE = {"coding": [{"system": "http://loinc.org", "code": "26499-4"}]}
PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [{"system": "urn:mrn", "value": "17"}],
    "name": [{"family": "歐陽", "given": ["大文"]}, {"family": "O’Brien-Chan", "given": ["Tai Man"]}],
    "birthDate": "1968-04-09",
}
RESULT = {
    "resourceType": "Observation",
    "id": "o",
    "status": "final",
    "code": CODE,
    "subject": {"reference": "Patient/p"},
    "effectiveDateTime": "2026-03-08T09:00:30+08:00",
    "valueQuantity": {"value": 5.4, "system": "http://unitsofmeasure.org", "code": "10*9/L"},
}


@pytest.fixture
def client(node):
    with node.storage.writing() as connection:
        for table in (store.resource_version, store.resource_current, store.search_value):
            connection.execute(table.delete())
        name = f"physician-{node.now().isoformat()}"
        accounts.add_account(
            connection, account=name, name=name, password="a long enough password", role=Role.PHYSICIAN, organisation="Macao Hospital"
        )
        token = accounts.open_session(connection, name, node.now()).token
    client = TestClient(Starlette(routes=routes(node, fhir.DOORS, fhir.refused)), base_url="http://node.example")
    client.headers["authorization"] = f"Bearer {token}"
    assert client.put("/fhir/Patient/p", json=PATIENT).status_code == 201
    return client


def reasons(response):
    return [issue["details"]["coding"][0]["code"] for issue in response.json()["issue"]]


def ids(response):
    assert response.status_code == 200, response.text
    return [entry["resource"]["id"] for entry in response.json().get("entry", ())]


def transaction(client, *entries, kind="transaction"):
    return client.post("/fhir", json={"resourceType": "Bundle", "type": kind, "entry": list(entries)})


# --- conditions of a write ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("etag", ['W/"one"', "*", 'W/"1", W/"2"', "", "1.0", 'W/"-1"', '"１"', "W/1e0"])
def test_a_version_that_is_not_understood_writes_nothing(client, etag):
    assert client.put("/fhir/Observation/o", json=RESULT).status_code == 201
    changed = {**RESULT, "status": "amended"}
    for answer in (
        client.put("/fhir/Observation/o", json=changed, headers={"if-match": etag.encode()}),
        client.delete("/fhir/Observation/o", headers={"if-match": etag.encode()}),
        transaction(client, {"resource": changed, "request": {"method": "PUT", "url": "Observation/o", "ifMatch": etag}}),
    ):
        assert (answer.status_code, reasons(answer)) == (412, ["record.condition"])
    assert client.get("/fhir/Observation/o").json()["status"] == "final"


def test_a_write_only_where_there_is_none(client):
    assert client.put("/fhir/Observation/o", json=RESULT, headers={"if-none-match": "*"}).status_code == 201
    again = client.put("/fhir/Observation/o", json={**RESULT, "status": "amended"}, headers={"if-none-match": "*"})
    assert (again.status_code, reasons(again)) == (412, ["record.version_conflict"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-none-exists": "identifier=urn:mrn|17"}, 400),  # mistyped
        ({"if-none-exist": ""}, 400),
        ({"if-none-exist": "identifier="}, 400),
        ({"if-none-exist": "_count=1"}, 400),
        ({"if-none-exist": "identifer=urn:mrn|17"}, 400),
        ({"if-none-exist": "Patient?identifier=urn:mrn|17"}, 400),
        ({"if-unmodified-since": "Sun, 08 Mar 2026 09:00:00 GMT"}, 400),
        ({"if-match": 'W/"1"'}, 400),
        ({"if-none-exist": "identifier=urn:mrn|17"}, 200),
        ({"if-none-exist": "?identifier=urn:mrn|17"}, 200),
    ],
)
def test_a_conditional_create_never_makes_a_duplicate(client, headers, status):
    assert client.post("/fhir/Patient", json=PATIENT, headers=headers).status_code == status
    assert ids(client.get("/fhir/Patient")) == ["p"]


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "POST", "url": "Patient", "ifNoneExist": 5},
        {"method": "POST", "url": "Patient", "ifNoneExist": ["identifier=urn:mrn|17"]},
        {"method": "POST", "url": "Patient", "ifNoneExist": ""},
        {"method": "POST", "url": "Patient", "ifNoneExist": "identifier="},
        {"method": "POST", "url": "Patient", "ifNoneExists": "identifier=urn:mrn|17"},
        {"method": "POST", "url": "Patient", "ifnoneexist": "identifier=urn:mrn|17"},
        {"method": "POST", "url": "Patient", "ifMatch": 'W/"1"'},
        {"method": "POST", "url": "Patient?identifier=urn:mrn|17"},
        {"method": "POST", "url": "Patient?"},
        {"method": "PUT", "url": "Patient?_count=1"},
        {"method": "PUT", "url": "Patient/p?identifier=urn:mrn|17"},
        {"method": "DELETE", "url": "Patient?identifier=urn:mrn|17"},
        {"method": ["POST"], "url": "Patient"},
        {"method": {"POST": 1}, "url": "Patient"},
        {"method": 1, "url": "Patient"},
        {"method": None, "url": "Patient"},
        {"method": "PATCH", "url": "Patient/p"},
    ],
)
def test_a_request_of_a_bundle_that_is_not_understood_writes_nothing(client, request_):
    entry = {"resource": PATIENT, "request": request_}
    assert transaction(client, entry).status_code == 400
    assert transaction(client, entry, kind="batch").json()["entry"][0]["response"]["status"] == "400"
    assert ids(client.get("/fhir/Patient")) == ["p"]


def test_a_create_with_a_search_behind_its_address_is_refused(client):
    for answer in (
        client.post("/fhir/Patient?identifier=urn:mrn|17", json=PATIENT),
        client.put("/fhir/Patient/p?identifier=urn:mrn|18", json=PATIENT),
        client.delete("/fhir/Patient/p?identifier=urn:mrn|18"),
    ):
        assert (answer.status_code, reasons(answer)) == (400, ["record.parameter"])
    assert ids(client.get("/fhir/Patient")) == ["p"]
    assert client.put("/fhir/Patient/p?_format=json", json=PATIENT).status_code == 200


def test_a_subscription_is_refused_because_nothing_would_be_sent(client):
    asked = {"resourceType": "Subscription", "id": "s", "status": "requested", "reason": "x", "criteria": "Observation?", "channel": {"type": "rest-hook"}}
    for answer in (
        client.post("/fhir/Subscription", json=asked),
        client.put("/fhir/Subscription/s", json=asked),
        transaction(client, {"resource": asked, "request": {"method": "POST", "url": "Subscription"}}),
    ):
        assert (answer.status_code, reasons(answer)) == (400, ["record.not_offered"])
    stated = next(item for item in client.get("/fhir/metadata").json()["rest"][0]["resource"] if item["type"] == "Subscription")
    assert not {"create", "update"} & {item["code"] for item in stated["interaction"]}


CONSENT = {"resourceType": "Consent", "id": "a", "status": "active", "scope": {"text": "x"}, "category": [{"text": "x"}], "policyRule": {"text": "x"}}
FORGED = [
    {
        "resourceType": "AuditEvent", "id": "a", "type": {"code": "rest"}, "recorded": "2026-01-05T09:00:00+08:00",
        "agent": [{"requestor": True}], "source": {"observer": {"display": "x"}},
    },
    {
        "resourceType": "Provenance", "id": "a", "target": [{"reference": "Patient/p"}], "recorded": "2026-01-05T09:00:00+08:00",
        "agent": [{"who": {"display": "x"}}],
    },
    CONSENT,
]  # fmt: skip


@pytest.mark.parametrize("forged", FORGED, ids=lambda forged: forged["resourceType"])
def test_what_this_node_says_of_itself_is_not_filed_from_outside(client, forged):
    kind = forged["resourceType"]
    for answer in (
        client.post(f"/fhir/{kind}", json=forged),
        client.put(f"/fhir/{kind}/a", json=forged),
        client.delete(f"/fhir/{kind}/a"),
        transaction(client, {"resource": forged, "request": {"method": "POST", "url": kind}}),
    ):
        assert reasons(answer) == ["record.made_here"]
    stated = next(item for item in client.get("/fhir/metadata").json()["rest"][0]["resource"] if item["type"] == kind)
    assert not {"create", "update", "delete"} & {item["code"] for item in stated["interaction"]}


def test_a_delete_says_why(client):
    assert client.put("/fhir/Observation/o", json=RESULT).status_code == 201
    for headers in ({}, {"x-baybridge-reason": ""}, {"x-baybridge-reason": "other"}, {"x-baybridge-reason": "Mrs Chan is wrong"}):
        answer = client.delete("/fhir/Observation/o", headers=headers)
        assert (answer.status_code, reasons(answer)) == (400, ["record.delete.reason"])
    request = {"method": "DELETE", "url": "Observation/o"}
    assert reasons(transaction(client, {"request": request})) == ["record.delete.reason"]
    twice = [{"url": "urn:baybridge:reason", "valueCode": "wrong-value"}] * 2
    assert reasons(transaction(client, {"request": {**request, "extension": twice}})) == ["record.delete.reason"]
    assert client.get("/fhir/Observation/o").status_code == 200
    assert transaction(client, {"request": {**request, "extension": twice[:1]}}).status_code == 200
    assert client.get("/fhir/Observation/o").status_code == 410


# --- what is written ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "div",
    [
        "<div><script>alert(1)</script></div>",
        "<div><p onclick='x()'>a</p></div>",
        '<div><img src="http://outside.example/pixel.png" alt=""/></div>',
        '<div><a href="javascript:x()">a</a></div>',
        '<div><a href=" java&#115;cript:x()">a</a></div>',
        '<div><iframe src="http://outside.example"></iframe></div>',
        '<div style="background:url(http://outside.example)">a</div>',
        "<div><style>p{}</style></div>",
        "<div><form action='/'></form></div>",
        "<div><svg/onload=x()></div>",
        '<div><b title="a>b" onload="x()">a</b></div>',
        "<div><!-- <script> --></div>",
        "<div>a < b</div>",
        "<div><SCRIPT>x</SCRIPT></div>",
    ],
)
def test_a_narrative_that_does_something_is_refused(client, div):
    answer = client.put("/fhir/Observation/o", json={**RESULT, "text": {"status": "generated", "div": div}})
    assert (answer.status_code, reasons(answer)) == (400, ["record.invalid.narrative"])


def test_a_plain_narrative_is_kept(client):
    div = (
        '<div xmlns="http://www.w3.org/1999/xhtml"><p>a &amp; b &lt; c<br/> <b class="x">8&nbsp;g</b> <a href="Patient/p">p</a></p>'
        '<table><tr><td colspan="2">1</td></tr></table></div>'
    )
    assert client.put("/fhir/Observation/o", json={**RESULT, "text": {"status": "generated", "div": div}}).status_code == 201
    assert client.get("/fhir/Observation/o").json()["text"]["div"] == div


@pytest.mark.parametrize("number", ["1e999999999", "-1e999999999", "1e99999999999999999999", "9" * 400, "1e-999999999", "1E400"])
def test_a_number_that_nobody_measured_is_refused(client, number):
    text = json.dumps(RESULT).replace("5.4", number)
    answer = client.put("/fhir/Observation/o", content=text)
    assert answer.status_code == 400
    assert reasons(answer)[0] in ("record.invalid.format", "record.not_json")


def test_a_key_twice_is_refused_because_nobody_knows_which_counts(client):
    answer = client.put("/fhir/Observation/o", content=json.dumps(RESULT).replace('"status": "final"', '"status": "final", "status": "amended"'))
    assert (answer.status_code, reasons(answer)) == (400, ["record.key_twice"])
    inside = json.dumps(RESULT).replace('"value": 5.4', '"value": 5.4, "value": 54')
    told = client.put("/fhir/Observation/o", content=inside)
    assert (told.status_code, told.json()["issue"][0]["expression"]) == (400, ["valueQuantity.value"])
    assert client.get("/fhir/Observation/o").status_code == 404


@pytest.mark.parametrize(
    ("start", "end", "status"),
    [
        ("2026-03-08", "2026-03-07", 400),
        ("2026-03-08T10:00:00+08:00", "2026-03-08T09:59:59+08:00", 400),
        ("2026-03-08T10:00:00+08:00", "2026-03-08T03:00:00Z", 201),
        ("2026-03-08T10:00:00+08:00", "2026-03-08", 201),
        ("2026-03", "2026", 201),
        ("2026-03-08", "9999-12-31", 201),
    ],
)
def test_a_period_that_ends_before_it_starts_is_refused(client, start, end, status):
    given = {**RESULT, "effectivePeriod": {"start": start, "end": end}}
    del given["effectiveDateTime"]
    answer = client.put("/fhir/Observation/o", json=given)
    assert answer.status_code == status
    if status == 400:
        assert reasons(answer) == ["record.invalid.period"]
    else:
        assert ids(client.get("/fhir/Observation?date=ap2026-03-08")) == ["o"]


def test_the_last_day_of_the_calendar_is_a_day(client):
    given = {"resourceType": "Coverage", "id": "c", "status": "active", "beneficiary": {"reference": "Patient/p"}, "payor": [{"display": "x"}]}
    given["period"] = {"start": "2026-01-01", "end": "9999-12-31"}
    assert client.put("/fhir/Coverage/c", json=given).status_code == 201
    assert client.put("/fhir/Observation/o", json={**RESULT, "effectiveDateTime": "9999-12-31"}).status_code == 201
    assert ids(client.get("/fhir/Observation?date=9999-12-31")) == ["o"]
    assert ids(client.get("/fhir/Observation?date=ge9999")) == ["o"]
    assert ids(client.get("/fhir/Observation?_lastUpdated=le9999-12-31")) == ["o"]


def test_second_60_is_told(client):
    answer = client.put("/fhir/Observation/o", json={**RESULT, "effectiveDateTime": "2026-03-08T09:00:60+08:00"})
    assert (answer.status_code, reasons(answer)) == (400, ["record.invalid.format"])


# --- searching ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "is_found"),
    [
        ("2026-03-08T09:00+08:00", True),  # an unescaped + arrives as a blank
        ("2026-03-08T09:00%2B08:00", True),
        ("2026-03-08T01:00Z", True),
        ("2026-03-08T09", True),
        ("2026-03-08T09:01%2B08:00", False),
        ("2026-03-08T09:00:30%2B08:00", True),
        ("2026-03-08T09:00:31%2B08:00", False),
        ("gt2026-03-08T09:00%2B08:00", False),
        ("ge2026-03-08T09:00%2B08:00", True),
        ("lt2026-03-08T09:01%2B08:00", True),
        ("sa2026-03-08T09:00%2B08:00", False),
        ("ne2026-03-08T09:00%2B08:00", False),
        ("2026", True),
        ("2026-03", True),
    ],
)
def test_a_date_of_a_search_is_the_range_of_its_precision(client, asked, is_found):
    client.put("/fhir/Observation/o", json=RESULT)
    assert ids(client.get(f"/fhir/Observation?date={asked}")) == (["o"] if is_found else [])


@pytest.mark.parametrize(
    "asked",
    ["2026-3-8", "20260308", "2026-W10-7", "26", "2026-", "2026-03-08T", "2026-03-08T9:00", "2026-03-08T25:00", "2026-03-32", "２０２６", "gt", "today",
     "2026-03-08T09:00:60Z", "2026-03-08T09:00+25:00"],
)  # fmt: skip
def test_a_date_that_is_none_is_refused(client, asked):
    for parameter in ("date", "_lastUpdated"):
        answer = client.get("/fhir/Observation", params={parameter: asked})
        assert (answer.status_code, reasons(answer)) == (400, ["record.search.value"])


@pytest.mark.parametrize("asked", ["9999-12-31", "ge9999", "le0001-01-01", "0001", "ap9999-12-31T23:59:59-12:00", "ne0001-01-01T00:00:00+14:00"])
def test_moments_at_the_edge_of_the_calendar_are_answered(client, asked):
    for parameter in ("date", "_lastUpdated"):
        assert client.get("/fhir/Observation", params={parameter: asked}).status_code == 200


@pytest.mark.parametrize(
    ("value", "asked", "is_found"),
    [
        ({"value": 5, "comparator": "<"}, "5", False),
        ({"value": 5, "comparator": "<"}, "lt5", True),
        ({"value": 5, "comparator": "<"}, "lt6", True),
        ({"value": 5, "comparator": "<"}, "lt4", False),
        ({"value": 5, "comparator": "<"}, "gt4.9", False),
        ({"value": 5, "comparator": "<"}, "gt0", False),
        ({"value": 5, "comparator": "<="}, "le5", True),
        ({"value": 5, "comparator": "<="}, "lt5", False),
        ({"value": 5, "comparator": ">"}, "gt5", True),
        ({"value": 5, "comparator": ">"}, "gt6", False),
        ({"value": 5, "comparator": ">"}, "lt1000000", False),
        ({"value": 5, "comparator": ">="}, "ge5", True),
        ({"value": 5, "comparator": ">="}, "gt5", False),
        ({"value": 5}, "5", True),
        ({"value": 5}, "lt5", False),
        ({"value": 5}, "ge5", True),
    ],
)
def test_a_result_below_a_limit_is_no_number(client, value, asked, is_found):
    client.put("/fhir/Observation/o", json={**RESULT, "valueQuantity": value})
    assert ids(client.get(f"/fhir/Observation?value-quantity={asked}")) == (["o"] if is_found else [])


@pytest.mark.parametrize("asked", ["1e999999999", "lt1e400", "5_4", "５", "nan", "inf", "0x10", "", "1" * 400, "1e99999999999999999999"])
def test_a_quantity_that_is_none_is_refused(client, asked):
    answer = client.get("/fhir/Observation", params={"value-quantity": asked})
    assert (answer.status_code, reasons(answer)) == (400, ["record.search.value"])


@pytest.mark.parametrize(
    ("parameter", "asked"),
    [
        ("name", "欧阳"), ("name", "歐陽"), ("family", "欧"), ("name", "欧阳大文"), ("name", "歐陽 大文"), ("name", "大文"), ("name", "大文欧阳"),
        ("name", "O'Brien Chan"), ("name", "obrien-chan"), ("name", "O´Brien"), ("family", "OBRIENCHAN"), ("given", "tai-man"), ("name", "Ｏ’Ｂｒｉｅｎ"),
        ("name", "Tai Man O'Brien"), ("name:contains", "阳大"),
    ],
)  # fmt: skip
def test_a_name_is_found_across_scripts_and_punctuation(client, parameter, asked):
    assert ids(client.get("/fhir/Patient", params={parameter: asked})) == ["p"]


@pytest.mark.parametrize(
    ("name", "asked"),
    [("Đỗ Thị Hoa", "do thi"), ("Sørensen", "SORENSEN"), ("Łucja", "lucja"), ("Groß", "gross"), ("Æsa", "aesa"), ("Cœur", "coeur"), ("Þór", "thor"), ("Gross", "GROẞ"),
     ("Lucja", "ŁUCJA"), ("Aesa", "æsa"), ("Do Thi", "Đỗ"), ("Işık", "isik")],
)  # fmt: skip
def test_letters_that_have_no_plain_part_are_found_as_people_type_them(client, name, asked):
    client.put("/fhir/Patient/p", json={"resourceType": "Patient", "id": "p", "name": [{"text": name}]})
    assert ids(client.get("/fhir/Patient", params={"name": asked})) == ["p"]


def test_other_names_are_not_found(client):
    for asked in ("陈", "欧阳小文", "Brien", "Obrian"):
        assert ids(client.get("/fhir/Patient", params={"name": asked})) == []


@pytest.mark.parametrize(
    "query",
    ["_summary=true", "_elements=x", "_elements=", "_elements=id&_summary=data", "_elements=id&_elements=code",
     "_format=xml", "_format=application/fhir%2Bxml", "_include:all=Observation:subject",
     "_count:exact=1", "_cursor=W10=", "_cursor=x", "_cursor=é", "_cursor=WzEsIDk5OTk5OTk5OTk5OTk5OTk5OTk5OTld",
     "_cursor=WyJ4IiwgMV0=", "_cursor=W251bGwsIDFd", "_sort=date&_cursor=WyJ4IiwgMV0=", "_page=x", "code=%00", "_id=%00"],
)  # fmt: skip
def test_what_shapes_an_answer_is_done_or_refused(client, query):
    assert client.get(f"/fhir/Observation?{query}").status_code == 400


def test_includes_follow_what_came_along(client):
    entries = [
        {"resourceType": "Organization", "id": "top", "name": "Top"},
        {"resourceType": "Organization", "id": "ward", "name": "Ward", "partOf": {"reference": "Organization/top"}},
        {**PATIENT, "managingOrganization": {"reference": "Organization/ward"}},
        RESULT,
    ]
    for given in entries:
        assert client.put(f"/fhir/{given['resourceType']}/{given['id']}", json=given).status_code in (200, 201)
    chain = "_include=Observation:subject&_include:iterate=Patient:organization&_include:iterate=Organization:partof"
    assert ids(client.get(f"/fhir/Observation?{chain}")) == ["o", "p", "ward", "top"]
    assert ids(client.get("/fhir/Observation?_include=Observation:subject")) == ["o", "p"]


def test_a_reference_to_this_server_in_full_is_found(client):
    client.put("/fhir/Observation/o", json=RESULT)
    assert ids(client.get("/fhir/Observation?subject=http://node.example/fhir/Patient/p")) == ["o"]


def test_history_in_pages(client):
    for status in ("final", "amended", "corrected"):
        client.put("/fhir/Observation/o", json={**RESULT, "status": status})
    found, url = [], "/fhir/Observation/o/_history?_count=2"
    while url:
        page = client.get(url).json()
        assert (page["total"], len(page["entry"]) <= 2) == (3, True)
        found += [entry["resource"]["status"] for entry in page["entry"]]
        url = next((link["url"] for link in page.get("link", ()) if link["relation"] == "next"), None)
    assert found == ["corrected", "amended", "final"]
    assert client.get("/fhir/Observation/o/_history?_count=0").json().get("entry") is None
    for query in ("_count=x", "_count=-1", "_at=2026", "_since=yesterday", "_cursor=x", "_format=xml"):
        assert client.get(f"/fhir/Observation/o/_history?{query}").status_code == 400
    assert client.get("/fhir/Patient/p?_summary=true").status_code == 400


def next_of(page):
    return next((link["url"] for link in page.json().get("link", ()) if link["relation"] == "next"), None)


def test_no_link_tells_by_what_a_list_is_sorted(client):
    """A birth date has no place in an address, however it is written there."""
    for number in range(3):
        client.put(f"/fhir/Patient/sorted-{number}", json={"resourceType": "Patient", "id": f"sorted-{number}", "birthDate": f"1961-02-0{number + 1}"})
    first = client.get("/fhir/Patient?_sort=birthdate&_count=1").json()
    links = {link["relation"]: link["url"] for link in first["link"]}
    token = links["next"].rpartition("_cursor=")[2]
    assert all(b"1961" not in text for text in (links["next"].encode(), urlsafe_b64decode(token + "=" * (-len(token) % 4))))
    second = client.get(links["next"]).json()
    assert [page["entry"][0]["resource"]["id"] for page in (first, second)] == ["sorted-0", "sorted-1"]


def test_a_cursor_of_another_list_is_refused_and_says_so(client):
    client.put("/fhir/Patient/p", json=PATIENT)
    for number in range(3):
        client.put(f"/fhir/Observation/o{number}", json={**RESULT, "id": f"o{number}"})
        client.put("/fhir/Observation/o", json={**RESULT, "note": [{"text": str(number)}]})
    lists = [
        "Observation", "Observation?_sort=-date", "Observation?code=26499-4", "Patient/p/$everything", "Patient/p/$everything?_type=Observation",
        "Observation/o/_history",
    ]  # fmt: skip
    with_page = [f"/fhir/{one}{'&' if '?' in one else '?'}_count=1" for one in lists]
    cursors = {url: next_of(client.get(url)).rpartition("_cursor=")[2] for url in with_page}
    for url in with_page:
        for of, cursor in cursors.items():
            answer = client.get(f"{url}&_cursor={cursor}")
            assert answer.status_code == (200 if of == url else 400), (url, of)
            if of != url:
                assert reasons(answer) == ["record.search.cursor_of_another"]
        assert client.get(f"{url.replace('_count=1', '_count=50')}&_cursor={cursors[url]}").status_code == 200
        for nothing in ("999", "-1", "1e3", "W10="):
            assert reasons(client.get(f"{url}&_cursor={nothing}")) == ["record.search.value"]


def test_the_whole_record_in_pages_loses_nothing_while_others_write(client):
    client.put("/fhir/Patient/p", json=PATIENT)
    for number in range(5):
        client.put(f"/fhir/Observation/o{number}", json={**RESULT, "id": f"o{number}"})
    found, url = [], "/fhir/Patient/p/$everything?_count=2"
    while url:
        page = client.get(url)
        found += ids(page)
        client.put(f"/fhir/Observation/{found[-1]}" if found[-1] != "p" else "/fhir/Patient/p", json={**RESULT, "id": found[-1], "note": [{"text": "later"}]})
        url = next_of(page)
    assert found == ["p", *(f"o{number}" for number in range(5))]


def test_a_history_in_pages_repeats_nothing_while_others_write(client):
    for number in range(4):
        client.put("/fhir/Observation/o", json={**RESULT, "note": [{"text": str(number)}]})
    first = client.get("/fhir/Observation/o/_history?_count=2")
    client.put("/fhir/Observation/o", json={**RESULT, "note": [{"text": "later"}]})
    second = client.get(next_of(first))
    assert [entry["resource"]["meta"]["versionId"] for page in (first, second) for entry in page.json()["entry"]] == ["4", "3", "2", "1"]


@pytest.mark.parametrize("address", ["Observation", "Observation/o", "Observation/o/_history", "Observation/o/_history/1", "Patient/p/$everything", "Patient"])
def test_a_parameter_of_which_one_counts_is_refused_when_it_comes_twice(client, address):
    client.put("/fhir/Patient/p", json=PATIENT)
    client.put("/fhir/Observation/o", json=RESULT)
    for name, value in (("_format", "json"), ("_pretty", "true"), ("language", "en")):
        if (name, address) != ("language", "Patient"):  # which is searched by it
            assert reasons(client.get(f"/fhir/{address}?{name}={value}&{name}={value}")) == ["record.parameter_twice"]
    for name, value in (("_count", "1"), ("_cursor", "x"), ("_sort", "_id"), ("_summary", "count"), ("_since", "2026"), ("_total", "none")):
        assert client.get(f"/fhir/{address}?{name}={value}&{name}=2").status_code == 400, name
    assert client.put("/fhir/Observation/o?_format=json&_format=xml", json=RESULT).status_code == 400
    assert client.post("/fhir/Observation/_search?_count=1", data={"_count": "2"}).status_code == 400


def test_types_of_a_whole_record_may_be_given_apart_and_must_be_known(client):
    client.put("/fhir/Patient/p", json=PATIENT)
    client.put("/fhir/Observation/o", json=RESULT)
    assert ids(client.get("/fhir/Patient/p/$everything?_type=Patient&_type=Observation")) == ["p", "o"]
    assert reasons(client.get("/fhir/Patient/p/$everything?_type=Nothing")) == ["record.search.value"]


def test_the_next_link_of_a_search_by_post_is_read_by_get_and_says_nothing(client):
    for number in range(5):
        client.put(f"/fhir/Observation/o{number}", json={**RESULT, "id": f"o{number}"})
    page = client.post("/fhir/Observation/_search", data={"patient": "p", "code": "26499-4", "_count": "2"})
    found, links = ids(page), []
    while url := next((link["url"] for link in page.json()["link"] if link["relation"] == "next"), None):
        links.append(url)
        page = client.get(url)
        found += ids(page)
    assert found == [f"o{number}" for number in range(5)]
    assert len(links) == 2
    assert not any("26499" in url or "patient" in url for url in links)
    assert client.get(links[0].replace("Observation", "Condition")).status_code == 400
    assert client.get(links[0][:-6]).status_code == 400


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_a_bundle_of_strange_entries_is_refused(client, kind):
    for entry in (None, 5, "x", [], {}, {"request": 5}, {"request": {"method": "GET", "url": 5}}, {"request": {"method": "GET", "url": "Nothing/1"}}):
        answer = transaction(client, entry, kind=kind)
        assert answer.status_code < 500
        if answer.status_code == 200:
            assert answer.json()["entry"][0]["response"]["status"].startswith("4")


# --- the id of an address -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [RESULT, {name: value for name, value in RESULT.items() if name != "id"}])
@pytest.mark.parametrize("kind", ["", "transaction", "batch"])
def test_a_put_under_another_id_than_its_body_has_is_refused(client, kind, body):
    if kind:
        answer = transaction(client, {"resource": body, "request": {"method": "PUT", "url": "Observation/other"}}, kind=kind)
        told = answer.json() if kind == "transaction" else answer.json()["entry"][0]["response"]["outcome"]
    else:
        answer = client.put("/fhir/Observation/other", json=body)
        told = answer.json()
    assert answer.status_code == (200 if kind == "batch" else 400)
    assert [issue["details"]["coding"][0]["code"] for issue in told["issue"]] == ["record.address_mismatch"]
    assert ids(client.get("/fhir/Observation")) == []


def test_an_address_that_says_another_id_than_its_entry_is_refused(client):
    entry = {"fullUrl": "http://node.example/fhir/Observation/x", "resource": RESULT, "request": {"method": "PUT", "url": "Observation/o"}}
    assert reasons(transaction(client, entry)) == ["record.address_mismatch"]


def test_a_patch_is_refused(client):
    client.put("/fhir/Observation/o", json=RESULT)
    assert client.patch("/fhir/Observation/o", json=[{"op": "replace", "path": "/id", "value": "other"}]).status_code == 405
    assert reasons(transaction(client, {"resource": {"resourceType": "Parameters"}, "request": {"method": "PATCH", "url": "Observation/o"}})) == ["record.bundle.entry"]
    assert ids(client.get("/fhir/Observation")) == ["o"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/fhir+xml", 406), ("text/turtle, application/rdf+xml;q=0.8", 406), ("application/fhir+json;q=0, application/fhir+xml", 406),
        ("application/fhir+xml, application/json;q=0.1", 200), ("application/fhir+json", 200), ("*/*", 200), ("text/html,*/*;q=0.8", 200), ("", 200),
    ],
)
def test_another_form_than_json_is_refused_where_nothing_else_is_accepted(client: TestClient, accept: str, status: int) -> None:
    client.put("/fhir/Patient/p", json=PATIENT)
    for address in ("/fhir/Patient/p", "/fhir/Patient?_id=p", "/fhir/metadata", "/fhir/Patient/p/_history"):
        answer = client.get(address, headers={"accept": accept})
        assert (answer.status_code, answer.json()["resourceType"] == "OperationOutcome") == (status, status == 406), address
    assert client.get("/fhir/Patient?_id=p&_format=json", headers={"accept": "application/fhir+xml"}).status_code == 200, "_format counts before Accept"


@pytest.mark.parametrize("sent", ["application/fhir+xml", "application/xml; charset=utf-8", "text/turtle", "application/fhir+ndjson"])
def test_a_resource_in_another_form_is_not_read_as_json(client: TestClient, sent: str) -> None:
    for method, address in (("POST", "/fhir/Patient"), ("PUT", "/fhir/Patient/x"), ("POST", "/fhir"), ("POST", "/fhir/Patient/$validate")):
        answer = client.request(method, address, content=b"<Patient/>", headers={"content-type": sent})
        assert (answer.status_code, answer.json()["resourceType"]) == (415, "OperationOutcome"), (method, address)
    assert client.get("/fhir/Patient/x").status_code == 404


def test_the_statement_passes_no_parameter_over(client: TestClient) -> None:
    assert [client.get(f"/fhir/metadata?{query}").status_code for query in ("mode=full", "mode=normative", "mode=terminology", "x=1")] == [200, 200, 400, 400]


def test_a_search_shows_the_elements_alone_that_are_asked_for_and_says_that_it_is_a_part(client: TestClient) -> None:
    narrative = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">54 g/L</div>'}
    client.put("/fhir/Patient/p", json=PATIENT)
    client.put("/fhir/Observation/o", json={**RESULT, "id": "o", "text": narrative, "note": [{"text": "drawn twice"}]})
    whole = client.get("/fhir/Observation/o").json()
    for query, keys in (
        ("_elements=value", {"resourceType", "id", "meta", "status", "code", "valueQuantity"}),
        ("_elements=Observation.note,subject", {"resourceType", "id", "meta", "status", "code", "note", "subject"}),
        ("_summary=text", {"resourceType", "id", "meta", "status", "code", "text"}),
        ("_summary=data", whole.keys() - {"text"}),
    ):
        found = client.get(f"/fhir/Observation?_id=o&_include=Observation:subject&{query}").json()
        shown, along = (entry["resource"] for entry in found["entry"])
        assert (shown.keys(), {key: value for key, value in shown.items() if key != "meta"}.items() <= whole.items()) == (keys, True), query
        assert [tag["code"] for tag in shown["meta"]["tag"]] == ["SUBSETTED"]
        assert "tag" not in along["meta"], "what comes along is whole"
        assert found["entry"][0]["resource"]["meta"]["versionId"] == whole["meta"]["versionId"]
    assert client.get("/fhir/Observation/o").json() == whole
    told = client.get("/fhir/Observation?_elements=valeu")
    assert (told.status_code, "value" in told.text) == (400, True)


def test_what_was_read_in_part_is_not_written_back_as_the_whole(client: TestClient) -> None:
    client.put("/fhir/Observation/o", json={**RESULT, "id": "o"})
    part = client.get("/fhir/Observation?_id=o&_elements=code").json()["entry"][0]["resource"]
    told = client.put("/fhir/Observation/o", json=part)
    assert (told.status_code, told.json()["issue"][0]["details"]["coding"][0]["code"]) == (400, "record.part")
    assert "valueQuantity" in client.get("/fhir/Observation/o").json()


HAEMOGLOBIN = {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"valueQuantity": {"value": 13000, "unit": "g/L"}}, "not_used Observation"),
        ({"valueQuantity": {"value": 130}}, "not_used Observation.valueQuantity.unit"),
        ({"valueQuantity": {"value": 130, "unit": "mg"}}, "not_used Observation.valueQuantity.unit"),
        ({"valueQuantity": {"value": 130, "unit": "wibble"}}, "unknown_unit Observation.valueQuantity"),
        ({"valueQuantity": None, "valueString": "130"}, "not_used Observation"),
        ({"referenceRange": [{"low": {"value": 160}, "high": {"value": 120}}]}, "not_used Observation.referenceRange"),
        ({"subject": None}, "of_nobody Observation.subject"),
        ({"subject": {"display": "Chan"}}, "of_nobody Observation.subject"),
        ({}, None),
        ({"subject": None, "code": {"coding": [{"system": "http://loinc.org", "code": "99999-9"}]}}, None),
    ],
)
def test_a_result_that_nobody_will_use_is_told_to_who_writes_it(client: TestClient, given: dict[str, object], told: str | None) -> None:
    whole = {**RESULT, "code": HAEMOGLOBIN, "valueQuantity": {"value": 130, "unit": "g/L"}, **given}
    resource = {name: value for name, value in whole.items() if value is not None and name != "id"}
    answer = client.post("/fhir/Observation", json=resource)
    assert (answer.status_code, answer.headers.get("warning")) == (201, told and f'199 baybridge "record.import.{told}"')
    together = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": resource, "request": {"method": "POST", "url": "Observation"}}]}
    (entry,) = client.post("/fhir", json=together).json()["entry"]
    texts = [issue["details"]["text"] for issue in entry["response"].get("outcome", {}).get("issue", [])]
    assert bool(texts) == (told is not None)
    assert not any("{" in text for text in texts)


def test_a_result_of_somebody_inside_it_who_is_not_there_is_told_by_its_form_too(client: TestClient) -> None:
    answer = client.post("/fhir/Observation", json={name: value for name, value in {**RESULT, "subject": {"reference": "#c9"}}.items() if name != "id"})
    assert re.findall(r'baybridge "([^"]+)"', answer.headers["warning"]) == [
        "record.invalid.contained_missing Observation.subject.reference", "record.import.of_nobody Observation.subject",
    ]


def test_an_element_that_nobody_knows_is_told_to_who_sent_it(client: TestClient) -> None:
    mistyped = {**{key: value for key, value in RESULT.items() if key != "valueQuantity"}, "id": "o", "valueQuantiti": RESULT["valueQuantity"]}
    told = client.put("/fhir/Observation/o", json=mistyped)
    assert (told.status_code, "record.invalid.unknown_element Observation.valueQuantiti" in told.headers.get("warning", "")) == (201, True)
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": mistyped, "request": {"method": "PUT", "url": "Observation/o2"}}]}
    bundle["entry"][0]["resource"] = {**mistyped, "id": "o2"}
    (entry,) = client.post("/fhir", json=bundle).json()["entry"]
    assert "record.invalid.unknown_element" in [issue["details"]["coding"][0]["code"] for issue in entry["response"]["outcome"]["issue"]]
    (issue, *_) = client.post("/fhir/Observation/$validate", json=mistyped).json()["issue"]
    assert (issue["severity"], issue["details"]["coding"][0]["code"]) == ("warning", "record.invalid.unknown_element")
    assert "warning" not in client.put("/fhir/Observation/o3", json={**RESULT, "id": "o3"}).headers
