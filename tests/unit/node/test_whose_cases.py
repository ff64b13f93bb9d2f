"""Which cases an import opens: of the one person of a file; of several only where it is asked for; of nobody who did not come."""

from __future__ import annotations

import json

import pytest

from baybridge.node.intake.importing import Upload, import_files, import_upload
from baybridge.node.node import open_node
from baybridge.node.upkeep.founding import found


@pytest.fixture
def node(tmp_path):
    found(tmp_path / "mo", {"node": "mo", "organisation": "Macao Hospital", "jurisdiction": "MO", "kinds": ["centre"]})
    return open_node(tmp_path / "mo")


def person(name):
    who, born = {"1": ("Chan Tai Man", "1970-01-02"), "2": ("Ferreira, Ana", "1991-11-23")}[name]
    return {"resourceType": "Patient", "id": name, "name": [{"text": who}], "birthDate": born}


def result(person_id):
    subject = {"reference": f"Patient/{person_id}"}
    return {"resourceType": "Observation", "id": f"o{person_id}", "status": "final", "code": {"text": "x"}, "subject": subject}


def lines(*resources):
    return "\n".join(map(json.dumps, resources)).encode()


def take_in(node, *files, **more):
    uploads = [Upload(f"{number}.ndjson", lines(*resources)) for number, resources in enumerate(files)]
    return import_files(node, node.system(), uploads, **more)


def test_a_file_about_one_person_opens_a_case(node):
    [one] = take_in(node, [person("1"), result("1")])
    assert (len(one.opened), one.without_case) == (1, ())


def test_a_file_about_several_opens_none_and_says_so(node):
    [several] = take_in(node, [person("1"), person("2"), result("1")])
    assert (several.opened, several.cases, several.without_case) == ((), {}, ("1", "2"))
    assert several.as_json()["without_case"] == ["1", "2"]


def test_where_it_is_asked_for_everybody_gets_one(node):
    [several] = take_in(node, [person("1"), person("2")], open_cases=True)
    assert len(several.opened) == 2


def test_a_known_persons_case_gets_the_records_of_a_file_about_several(node):
    import_upload(node, node.system(), "one.ndjson", lines(person("1")))
    [several] = take_in(node, [person("1"), person("2"), result("1")])
    assert (set(several.cases), several.without_case) == ({"1"}, ("2",))


def test_several_files_about_one_person_each_open_one_each(node):
    answers = take_in(node, [person("1")], [person("2")])
    assert [len(one.opened) for one in answers] == [1, 1]


def test_the_people_of_a_bulk_set_are_several_in_each_of_its_files(node):
    answers = take_in(node, [person("1"), person("2")], [result("1")])
    assert [one.opened for one in answers] == [(), ()]


def test_nobody_of_whom_nothing_but_a_result_came_gets_a_case(node):
    [one] = take_in(node, [result("1")], source="hospital")
    assert (one.opened, len(one.without_case)) == ((), 1)
    [late] = take_in(node, [person("1")], source="hospital")
    assert list(late.cases) == list(one.without_case)


def test_a_table_needs_a_laboratory_that_is_described_and_other_files_only_a_name(node):
    refused = import_upload(node, node.system(), "t.csv", b"a,b\n1,2\n", source="hospital")
    assert [reason.code for reason in refused.reasons] == ["import.unknown_source"]
    assert import_upload(node, node.system(), "t.ndjson", lines(person("1")), source="hospital").report.source == "hospital"
