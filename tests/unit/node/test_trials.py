"""Trials of a node: imported, reviewed by a person, stale when the text changes; a change screens again only what it touches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from acceptance.support import Clock, record
from baybridge.base.outcome import Refusal
from baybridge.demo.trials import SEARCH
from baybridge.journey.command import Actor, Command, Role
from baybridge.ledger import log
from baybridge.matching.registry import read_study
from baybridge.matching.reviewing import Line, lines_of
from baybridge.matching.trials import Review, standing
from baybridge.node import tables
from baybridge.node.config import read_config
from baybridge.node.handle import handle
from baybridge.node.intake.importing import import_upload
from baybridge.node.node import Node
from baybridge.node.options import kept_trials, screening, trials
from baybridge.node.upkeep.founding import found

DOCTOR = Actor("doctor", Role.PHYSICIAN, "Hospital")
ONE, TWO = "NCT99999901", "NCT99999902"
RULES = {ONE: ("age >= 18", "ecog <= 1"), TWO: ("lvef >= 45",)}


@pytest.fixture
def node(tmp_path: Any) -> Iterator[Node]:
    found(tmp_path / "node", {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre", "laboratory"]})
    yield Node(read_config(tmp_path / "node"), now=Clock())


def bring(node: Node, search: Any = SEARCH) -> trials.Imported:
    done = trials.import_trials(node, DOCTOR, "search.json", json.dumps(search).encode())
    assert isinstance(done, trials.Imported), done
    return done


def review(node: Node, trial_id: str, *rules: str, criteria_sha256: str | None = None) -> Review | Refusal:
    kept = one(node, trial_id)
    lines = [Line(rule, excludes=False, reading="rule", when=rule) for rule in rules or RULES[trial_id]]
    return trials.review_trial(node, DOCTOR, trial_id, criteria_sha256 or kept.trial.criteria_sha256, lines)


def one(node: Node, trial_id: str) -> kept_trials.Kept:
    with node.storage.reading() as connection:
        kept = kept_trials.kept(node, connection, trial_id)
    assert kept is not None
    return kept


def patient(node: Node, name: str, number: int) -> str:
    bundle = deepcopy(record(name, node.now()))
    person = bundle["entry"][0]["resource"]
    person |= {"birthDate": f"19{50 + number}-03-0{1 + number % 9}", "name": [{"text": f"{name} {number}"}]}
    person["identifier"][0]["value"] = f"9{number:06d}(1)"
    imported = import_upload(node, Actor("first", Role.COORDINATOR, "Hospital"), "r.json", json.dumps(bundle).encode())
    return next(iter(imported.cases.values()))  # type: ignore[union-attr]


def kept_rows(node: Node) -> dict[tuple[str, str], tuple[str, str]]:
    row = tables.screening
    with node.storage.reading() as connection:
        return {(item.case_id, item.trial_id): (item.outcome, item.screened_at) for item in connection.execute(select(row))}


def changed(before: dict[Any, Any], after: dict[Any, Any]) -> set[Any]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def other_text(trial_id: str) -> dict[str, Any]:
    search = deepcopy(SEARCH)
    study = next(study for study in search["studies"] if study["protocolSection"]["identificationModule"]["nctId"] == trial_id)
    study["protocolSection"]["eligibilityModule"]["eligibilityCriteria"] += "\n* Another exclusion"
    return search


# --- importing and reviewing ----------------------------------------------------------------------------------------


def test_a_file_comes_in_once_and_again_as_the_same(node: Node) -> None:
    assert (len(bring(node).new), bring(node).same) == (3, (ONE, TWO, "NCT99999903"))


def test_a_file_without_a_study_files_nothing_and_says_all(node: Node) -> None:
    done = trials.import_trials(node, DOCTOR, "x.json", b'{"studies": [{"protocolSection": {}}]}')
    assert isinstance(done, Refusal)
    assert len(done.reasons) >= 2
    with node.storage.reading() as connection:
        assert kept_trials.all_kept(node, connection) == ()


def test_a_review_counts_with_who_when_and_version_until_the_text_changes(node: Node) -> None:
    bring(node)
    assert not one(node, ONE).counts
    made = review(node, ONE)
    assert isinstance(made, Review)
    assert (made.version, made.reviewed_by, made.role, one(node, ONE).counts) == (1, "doctor", "physician", True)
    assert bring(node, other_text(ONE)).stale == (ONE,)
    kept = one(node, ONE)
    assert (kept.counts, standing(kept.trial, kept.review)) == (False, "changed")
    again = review(node, ONE)
    assert isinstance(again, Review)
    assert (again.version, one(node, ONE).counts) == (2, True)
    with node.storage.reading() as connection:
        assert [row.version for row in kept_trials.history(connection, ONE)] == [2, 1]


def test_a_change_of_status_alone_leaves_the_review_standing(node: Node) -> None:
    bring(node)
    review(node, ONE)
    search = deepcopy(SEARCH)
    search["studies"][0]["protocolSection"]["statusModule"]["overallStatus"] = "COMPLETED"
    assert (bring(node, search).changed, one(node, ONE).counts) == ((ONE,), True)
    assert not any(trial == ONE for _, trial in kept_rows(node)), "nobody is screened for a closed trial"


def test_a_review_of_a_text_that_changed_meanwhile_is_refused(node: Node) -> None:
    bring(node)
    seen = one(node, ONE).trial.criteria_sha256
    bring(node, other_text(ONE))
    refused = review(node, ONE, criteria_sha256=seen)
    assert isinstance(refused, Refusal)
    assert [reason.code for reason in refused.reasons] == ["matching.review.changed_meanwhile"]


def test_a_review_with_a_wrong_rule_keeps_nothing(node: Node) -> None:
    bring(node)
    refused = review(node, ONE, "ecog <= 1", "ege >= 18", "age >")
    assert isinstance(refused, Refusal)
    assert [reason.where for reason in refused.reasons] == ["line 2", "line 3"]
    assert one(node, ONE).review is None


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.NURSE, Role.PATIENT, Role.PAYER])
def test_who_may_not_review_is_refused(node: Node, role: Role) -> None:
    bring(node)
    trial = one(node, ONE).trial
    done = trials.review_trial(node, replace(DOCTOR, role=role), ONE, trial.criteria_sha256, lines_of(trial))
    assert isinstance(done, Refusal)


def test_import_and_review_stand_in_the_log(node: Node) -> None:
    bring(node)
    review(node, ONE)
    with node.storage.reading() as connection:
        kinds = [item.entry.kind for item in log.entries(connection, 0, log.size(connection))]
    assert (kinds.count("trial"), kinds.count("trial-review")) == (3, 1)


# --- screening ------------------------------------------------------------------------------------------------------


@pytest.fixture
def screened(node: Node) -> tuple[Node, str, str]:
    """Two patients and two reviewed trials, all screened."""
    bring(node)
    first, second = patient(node, "one", 1), patient(node, "two", 2)
    for trial_id in RULES:
        assert isinstance(review(node, trial_id), Review)
    while screening.catch_up(node):
        pass
    return node, first, second


def test_everybody_is_screened_for_every_reviewed_trial(screened: tuple[Node, str, str]) -> None:
    node, first, second = screened
    assert {key: outcome for key, (outcome, _) in kept_rows(node).items()} == {(case, trial): "eligible" for case in (first, second) for trial in RULES}


def test_a_changed_record_screens_only_the_trials_that_read_what_changed(screened: tuple[Node, str, str]) -> None:
    node, first, second = screened
    before = kept_rows(node)
    given = {"fact": "ecog", "value": 2, "basis": "visit"}
    done = handle(node, Command("ConfirmFinding", first, given, DOCTOR, "c1"))
    assert not isinstance(done, Refusal)
    screening.catch_up(node)
    after = kept_rows(node)
    assert changed(before, after) == {(first, ONE)}, "neither the other trial nor the other patient is touched"
    assert after[first, ONE][0] == "ineligible"
    assert second != first


def test_a_change_that_no_trial_reads_screens_nothing(screened: tuple[Node, str, str]) -> None:
    node, first, _ = screened
    before = kept_rows(node)
    handle(node, Command("ConfirmFinding", first, {"fact": "gilbert_syndrome", "value": True, "basis": "history"}, DOCTOR, "c2"))
    assert screening.catch_up(node) == 1
    assert kept_rows(node) == before


def test_a_changed_trial_screens_everybody_for_it_alone(screened: tuple[Node, str, str]) -> None:
    node, first, second = screened
    before = kept_rows(node)
    assert isinstance(review(node, TWO, "lvef >= 65"), Review)
    after = kept_rows(node)
    assert changed(before, after) == {(first, TWO), (second, TWO)}
    assert {after[case, TWO][0] for case in (first, second)} == {"ineligible"}


def test_a_trial_whose_text_changed_screens_nobody_until_it_is_reviewed(screened: tuple[Node, str, str]) -> None:
    node, first, second = screened
    bring(node, other_text(ONE))
    assert {trial for _, trial in kept_rows(node)} == {TWO}
    screening.catch_up(node)
    review(node, ONE)
    assert {case for case, trial in kept_rows(node) if trial == ONE} == {first, second}


def test_nothing_waits_once_all_is_screened(screened: tuple[Node, str, str]) -> None:
    node, _, _ = screened
    assert screening.catch_up(node) == 0


def test_a_trial_is_read_back_as_it_was_filed(node: Node) -> None:
    bring(node)
    assert one(node, ONE).trial == read_study(SEARCH["studies"][0])
