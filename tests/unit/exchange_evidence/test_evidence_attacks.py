"""What somebody could do to an evidence pack: each attempt is refused, and for the reason that is meant.

Where a change is signed again by the node's own key (`resigned(…, w.key)`), the outer signature holds, so that the check inside is the one
that is tested.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from evidence_world import POLICY, World, decide, key, resigned, world

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.keys import b64url
from baybridge.exchange.evidence.report import VerifyReport
from baybridge.exchange.evidence.trust import Trust, read_trust
from baybridge.exchange.evidence.verify import verify_file
from baybridge.exchange.signed import sign_document
from baybridge.ledger import checkpoint as notes
from baybridge.ledger import heads, log


@pytest.fixture(scope="module")
def w() -> World:
    return world()


@pytest.fixture(scope="module")
def pack(w: World) -> bytes:
    return w.pack("case-a")


def trusting(*nodes: str) -> Trust:
    return read_trust({"nodes": [{"node": node, "signing_keys": [key(node).public.jwk()]} for node in nodes]})


EVERYBODY = trusting("hk", "gd", "mo")


def verify(data: bytes, trust: Trust | None = None) -> VerifyReport:
    return verify_file(data, trust, decide)


def codes(report: VerifyReport) -> set[str]:
    return {reason.code for reason in report.problems}


def is_refused(data: bytes, code: str, trust: Trust | None = None) -> None:
    report = verify(data, trust)
    assert not report.ok
    assert code in codes(report), codes(report)


# --- what holds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trust", [None, EVERYBODY, trusting("hk"), trusting("hk", "mo")])
def test_an_honest_pack_holds_and_says_on_whose_word(pack: bytes, trust: Trust | None) -> None:
    report = verify(pack, trust)
    assert report.ok, codes(report)
    expected = "file_only" if trust is None else "known" if len(trust.nodes) > 1 else "known_alone"
    assert report.trust.code == f"ledger.trust.{expected}"


def test_the_report_is_plain_json(pack: bytes) -> None:
    assert json.loads(canonical_bytes(verify(pack).as_json()))["ok"] is True


# --- bytes ----------------------------------------------------------------------------------------------------------


def test_every_changed_byte_is_noticed(pack: bytes) -> None:
    step = max(1, len(pack) // 600)
    for at in range(0, len(pack), step):
        changed = pack[:at] + bytes([pack[at] ^ 1]) + pack[at + 1 :]
        assert not verify(changed).ok, f"byte {at}"


@pytest.mark.parametrize("tail", [b"\n", b" ", b"{}", b"\x00", b"\xef\xbb\xbf"])
def test_trailing_data_is_refused(pack: bytes, tail: bytes) -> None:
    assert not verify(pack + tail).ok


def test_another_layout_is_refused(pack: bytes) -> None:
    is_refused(json.dumps(json.loads(pack), indent=1).encode(), "ledger.signed.not_canonical")


def test_a_duplicate_key_is_refused(pack: bytes) -> None:
    is_refused(b'{"kind":"evidence",' + pack[1:], "ledger.signed.duplicate_key")


@pytest.mark.parametrize(
    "text", [b"", b"null", b"[]", b'"x"', b"{}", b"[" * 200_000, b"\xff\xfe", b'{"a":NaN}', b'{"a":1e999}', b'{"a":' + b"9" * 5000 + b"}"]
)
def test_what_is_no_signed_file_is_refused(text: bytes) -> None:
    assert not verify(text).ok


def test_half_a_file_is_refused(pack: bytes) -> None:
    assert not verify(pack[: len(pack) // 2]).ok


@pytest.mark.parametrize("number", [2**53, 2**64, 10**400, -1, 10**6])
def test_huge_and_negative_positions_are_refused(w: World, pack: bytes, number: int) -> None:
    text = pack.replace(b'"position":0', b'"position":%d' % number, 1)
    assert not verify(text).ok
    if abs(number) < 2**53:
        is_refused(resigned(pack, w.key, lambda v: v["payload"]["events"][0].update(position=number)), "ledger.verify.inclusion.not_in_log")


# --- events ---------------------------------------------------------------------------------------------------------


def drop(at: int) -> Callable[[dict[str, Any]], None]:
    def change(value: dict[str, Any]) -> None:
        del value["payload"]["events"][at]

    return change


def drop_and_renumber(at: int) -> Callable[[dict[str, Any]], None]:
    def change(value: dict[str, Any]) -> None:
        drop(at)(value)
        for number, event in enumerate(value["payload"]["events"], start=1):
            event["body"]["sequence"] = number

    return change


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_an_event_dropped_is_refused_even_if_the_node_itself_signs(w: World, pack: bytes, at: int) -> None:
    is_refused(resigned(pack, w.key, drop(at)), "ledger.verify.complete.events_missing", EVERYBODY)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_event_dropped_and_the_rest_renumbered_is_refused(w: World, pack: bytes, at: int) -> None:
    is_refused(resigned(pack, w.key, drop_and_renumber(at)), "ledger.verify.contents.changed", EVERYBODY)


def test_an_event_dropped_and_the_head_made_to_fit_is_refused(w: World, pack: bytes) -> None:
    def change(value: dict[str, Any]) -> None:
        drop(3)(value)
        payload = value["payload"]
        named = [(heads.event_id_of(log.read_entry(canonical_bytes(e["entry"]))), e["position"]) for e in payload["events"]]
        payload["head"]["content"] = heads.statement(payload["case_id"], payload["subject"], named)
        salt = b"\x00" * 32
        payload["head"]["salt"] = b64url(salt)
        payload["head"]["entry"]["what"] = heads.what(3)
        payload["head"]["entry"]["sha256"] = log.content_sha256(salt, canonical_bytes(payload["head"]["content"]))

    is_refused(resigned(pack, w.key, change), "ledger.verify.inclusion.not_in_log")


def test_a_changed_event_is_refused(w: World, pack: bytes) -> None:
    change = lambda v: v["payload"]["events"][2]["body"]["event"].update(product="y")  # noqa: E731
    is_refused(resigned(pack, w.key, change), "ledger.verify.contents.changed")


def test_a_changed_event_with_a_new_hash_is_refused(w: World, pack: bytes) -> None:
    def change(value: dict[str, Any]) -> None:
        event = value["payload"]["events"][2]
        event["body"]["event"]["product"] = "y"
        salt = b"\x01" * 32
        event["salt"] = b64url(salt)
        event["entry"]["sha256"] = log.content_sha256(salt, canonical_bytes(event["body"]))

    is_refused(resigned(pack, w.key, change), "ledger.verify.inclusion.not_in_log")


def test_two_events_that_change_places_are_refused(w: World, pack: bytes) -> None:
    def change(value: dict[str, Any]) -> None:
        events = value["payload"]["events"]
        events[1], events[2] = events[2], events[1]

    is_refused(resigned(pack, w.key, change), "ledger.verify.order.gap")


def test_an_event_twice_is_refused(w: World, pack: bytes) -> None:
    change = lambda v: v["payload"]["events"].append(v["payload"]["events"][-1])  # noqa: E731
    is_refused(resigned(pack, w.key, change), "ledger.verify.complete.events_missing")


def test_a_body_taken_away_while_its_salt_stays_is_refused(w: World, pack: bytes) -> None:
    def change(value: dict[str, Any]) -> None:
        value["payload"]["events"][2].update(body=None)

    is_refused(resigned(pack, w.key, change), "ledger.verify.contents.changed")


def test_the_events_of_another_case_are_refused(w: World, pack: bytes) -> None:
    other = json.loads(w.pack("case-b"))
    for swap in ({"events": other["payload"]["events"]}, {"head": other["payload"]["head"]}):
        report = verify(resigned(pack, w.key, lambda v, swap=swap: v["payload"].update(swap)))
        assert not report.ok
    both = {name: other["payload"][name] for name in ("events", "head", "decisions")}
    is_refused(resigned(pack, w.key, lambda v: v["payload"].update(both)), "ledger.verify.contents.changed")


def test_the_case_renamed_is_refused(w: World, pack: bytes) -> None:
    is_refused(resigned(pack, w.key, lambda v: v["payload"].update(case_id="case-b")), "ledger.verify.order.gap")


# --- signers --------------------------------------------------------------------------------------------------------


def test_a_stranger_who_signs_again_is_refused(pack: bytes) -> None:
    data = resigned(pack, key("stranger"))
    is_refused(data, "ledger.verify.checkpoint.not_by_signer")
    is_refused(data, "ledger.verify.signer.not_known", EVERYBODY)


def strangers_checkpoint(value: dict[str, Any]) -> None:
    """The stranger signs the same tree head; the neighbours' co-signatures still fit, they do not cover the log's signature."""
    stranger = key("stranger")
    note = notes.parse(value["anchor"]["checkpoint"])
    own = notes.sign(notes.read(note), stranger)
    value["anchor"]["checkpoint"] = str(own.joined([one for one in note.signatures if one.name != "baybridge/hk"]))
    value["anchor"]["card"]["signing_keys"] = [stranger.public.jwk()]


def test_a_stranger_who_signs_the_checkpoint_too_is_refused_because_no_witness_saw_that_key(pack: bytes) -> None:
    data = resigned(pack, key("stranger"), strangers_checkpoint)
    is_refused(data, "ledger.verify.key.other_key")
    is_refused(data, "ledger.verify.signer.not_known", EVERYBODY)


def test_a_stranger_who_claims_the_key_entry_is_refused(pack: bytes) -> None:
    def change(value: dict[str, Any]) -> None:
        strangers_checkpoint(value)
        value["anchor"]["key"]["entry"]["what"] = key("stranger").kid

    is_refused(resigned(pack, key("stranger"), change), "ledger.verify.key.not_in_log")


def test_a_neighbour_cannot_sign_for_the_node(pack: bytes) -> None:
    is_refused(resigned(pack, key("mo"), strangers_checkpoint), "ledger.verify.signer.not_known", EVERYBODY)


def test_an_invented_network_holds_only_in_itself_and_says_so(w: World, pack: bytes) -> None:
    invented = world()
    invented.key = key("impostor")
    invented.checkpoint("case-a", cosigners=("gd", "mo"))
    data = invented.pack("case-a")
    assert verify(data).trust.code == "ledger.trust.file_only"
    is_refused(data, "ledger.verify.signer.not_known", EVERYBODY)


def test_a_header_that_names_another_key_than_signed_is_refused(w: World, pack: bytes) -> None:
    value = json.loads(pack)
    other = json.loads(sign_document("evidence", {}, key("stranger")))
    value["protected"] = other["protected"]
    is_refused(canonical_bytes(value), "ledger.signed.bad_signature")


def test_another_kind_under_the_same_signature_is_refused(pack: bytes) -> None:
    value = json.loads(pack)
    value["kind"] = "decision"
    is_refused(canonical_bytes(value), "ledger.signed.header")


# --- checkpoints and witnesses --------------------------------------------------------------------------------------


def stripped(value: dict[str, Any]) -> None:
    note = notes.parse(value["anchor"]["checkpoint"])
    value["anchor"]["checkpoint"] = str(notes.Note(note.text, note.signatures[:1]))


@pytest.mark.parametrize("trust", [None, EVERYBODY])
def test_without_the_witnesses_co_signatures_it_is_refused(w: World, pack: bytes, trust: Trust | None) -> None:
    is_refused(resigned(pack, w.key, stripped), "ledger.verify.witness.none", trust)


def test_stripped_without_signing_again_is_refused(pack: bytes) -> None:
    value = json.loads(pack)
    stripped(value)
    is_refused(canonical_bytes(value), "ledger.signed.bad_signature")


def test_a_witness_that_is_the_signer_itself_does_not_count(w: World, pack: bytes) -> None:
    def change(value: dict[str, Any]) -> None:
        stripped(value)
        note = notes.parse(value["anchor"]["checkpoint"])
        value["anchor"]["checkpoint"] = str(note.joined([notes.cosign(note, "baybridge/me", w.key, 1)]))
        value["anchor"]["witnesses"] = [{"node": "me", "keys": [w.key.public.jwk()]}]

    is_refused(resigned(pack, w.key, change), "ledger.verify.witness.none")


def test_a_co_signature_that_does_not_verify_is_said(w: World, pack: bytes) -> None:
    def change(value: dict[str, Any]) -> None:
        note = notes.parse(value["anchor"]["checkpoint"])
        last = note.signatures[-1]
        forged = notes.NoteSignature(last.name, last.key_id, last.value[:-1] + bytes([last.value[-1] ^ 1]))
        value["anchor"]["checkpoint"] = str(note.joined([forged]))

    is_refused(resigned(pack, w.key, change), "ledger.verify.witness.bad_signature")


def test_invented_witnesses_do_not_count_where_the_real_ones_are_known(w: World, pack: bytes) -> None:
    def change(value: dict[str, Any]) -> None:
        stripped(value)
        note = notes.parse(value["anchor"]["checkpoint"])
        value["anchor"]["checkpoint"] = str(note.joined([notes.cosign(note, "baybridge/zz", key("zz"), 1)]))
        value["anchor"]["witnesses"] = [{"node": "zz", "keys": [key("zz").public.jwk()]}]

    is_refused(resigned(pack, w.key, change), "ledger.verify.witness.none", EVERYBODY)


def test_an_older_checkpoint_is_refused() -> None:
    w = world()
    older = json.loads(w.pack("case-a"))["anchor"]["checkpoint"]
    w.happen("case-a", "HandedOver", to_node="mo")
    w.checkpoint("case-a")
    newer = w.pack("case-a")
    assert verify(newer).ok
    substituted = resigned(newer, w.key, lambda v: v["anchor"].update(checkpoint=older))
    is_refused(substituted, "ledger.verify.inclusion.not_in_log", EVERYBODY)
    value = json.loads(newer)
    value["anchor"]["checkpoint"] = older
    is_refused(canonical_bytes(value), "ledger.signed.bad_signature")


def test_a_checkpoint_of_another_history_is_refused(pack: bytes) -> None:
    w = world()
    w.happen("case-a", "Died", died_on="2026-03-09", cause="unknown")
    other = w.checkpoint("case-a")
    is_refused(resigned(pack, w.key, lambda v: v["anchor"].update(checkpoint=other)), "ledger.verify.inclusion.not_in_log")


def test_what_happened_since_the_last_co_signature_rests_on_the_node_and_this_is_said() -> None:
    w = world()
    w.happen("case-a", "HandedOver", to_node="mo")
    w.checkpoint("case-a", cosigners=())
    report = verify(w.pack("case-a"), EVERYBODY)
    assert report.ok, codes(report)
    details = {check.detail.code: check.detail.values for check in report.checks}
    assert details["ledger.verify.inclusion.partly_witnessed"]["newer"] == 1


def test_an_earlier_checkpoint_that_the_tree_does_not_begin_with_is_refused() -> None:
    w = world()
    w.happen("case-a", "HandedOver", to_node="mo")
    w.checkpoint("case-a", cosigners=())
    data = w.pack("case-a")

    def change(value: dict[str, Any]) -> None:
        value["anchor"]["earlier"]["proof"] = value["anchor"]["earlier"]["proof"][:-1]

    is_refused(resigned(data, w.key, change), "ledger.verify.witness.inconsistent")


# --- decisions ------------------------------------------------------------------------------------------------------


def test_a_changed_outcome_is_refused(w: World, pack: bytes) -> None:
    change = lambda v: v["payload"]["decisions"][0]["document"].update(outcome="ineligible")  # noqa: E731
    data = resigned(pack, w.key, change)
    is_refused(data, "ledger.verify.decisions.not_of_the_case")
    is_refused(data, "ledger.verify.decisions.differs")


def test_a_decision_made_to_look_like_one_that_is_not_computed_is_refused(w: World, pack: bytes) -> None:
    change = lambda v: v["payload"]["decisions"][0]["document"].pop("sources")  # noqa: E731
    is_refused(resigned(pack, w.key, change), "ledger.verify.decisions.not_of_the_case")


def test_changed_facts_are_refused(w: World, pack: bytes) -> None:
    is_refused(resigned(pack, w.key, lambda v: v["payload"]["decisions"][0].update(facts={"age": 3})), "ledger.verify.decisions.differs")


def test_a_changed_policy_with_its_hash_made_to_fit_is_refused(w: World, pack: bytes) -> None:
    def change(value: dict[str, Any]) -> None:
        decision = value["payload"]["decisions"][0]
        decision["policy"] = POLICY.replace("18", "90")
        decision["document"]["policy_sha256"] = sha256_hex(decision["policy"].encode())

    is_refused(resigned(pack, w.key, change), "ledger.verify.decisions.not_of_the_case")


def test_a_changed_policy_alone_is_refused(w: World, pack: bytes) -> None:
    is_refused(resigned(pack, w.key, lambda v: v["payload"]["decisions"][0].update(policy="x")), "ledger.verify.decisions.differs")


def test_a_decision_left_out_is_refused(w: World, pack: bytes) -> None:
    is_refused(resigned(pack, w.key, lambda v: v["payload"].update(decisions=[])), "ledger.verify.decisions.missing")


def test_a_decision_that_the_node_does_not_hold_is_named_as_withheld() -> None:
    w = world()
    w.decisions.clear()
    report = verify(w.pack("case-a"))
    assert report.ok
    assert "ledger.verify.decisions.withheld" in {check.detail.code for check in report.checks}


def test_an_engine_that_cannot_read_the_facts_refuses(w: World, pack: bytes) -> None:
    is_refused(resigned(pack, w.key, lambda v: v["payload"]["decisions"][0].update(facts={})), "ledger.verify.decisions.differs")


# --- form -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("member", ["head", "events", "decisions", "case_id", "subject", "format", "receipts", "withheld"])
def test_a_missing_or_odd_member_is_refused(w: World, pack: bytes, member: str) -> None:
    is_refused(resigned(pack, w.key, lambda v: v["payload"].pop(member)), "ledger.verify.pack.unreadable")
    is_refused(resigned(pack, w.key, lambda v: v["payload"].update({member: 7.5})), "ledger.verify.pack.unreadable")


def test_an_additional_member_is_refused(w: World, pack: bytes) -> None:
    is_refused(resigned(pack, w.key, lambda v: v["payload"].update(note="x")), "ledger.verify.pack.unreadable")


def test_a_pack_without_an_anchor_is_refused(w: World, pack: bytes) -> None:
    is_refused(resigned(pack, w.key, lambda v: v.update(anchor=None)), "ledger.verify.anchor.missing", EVERYBODY)


@pytest.mark.parametrize("member", ["node", "card", "checkpoint", "earlier", "witnesses", "key"])
def test_an_odd_anchor_is_refused(w: World, pack: bytes, member: str) -> None:
    assert not verify(resigned(pack, w.key, lambda v: v["anchor"].update({member: 7}))).ok
    assert not verify(resigned(pack, w.key, lambda v: v["anchor"].pop(member))).ok


# --- receipts -------------------------------------------------------------------------------------------------------


def receipt(signer: str, **changes: str) -> bytes:
    """A compact JWS as nodes exchange them."""
    said = {"package_id": "p1", "content_sha256": "c1", "from_node": "hk", "to_node": "mo", "received_at": "2026-03-08", **changes}
    header = {"alg": "Ed25519", "kid": key(signer).kid, "typ": "baybridge-receipt+jws"}
    text = f"{b64url(canonical_bytes(header))}.{b64url(canonical_bytes(said))}"
    return f"{text}.{b64url(key(signer).sign(text.encode()))}".encode()


def with_receipts(*receipts: bytes, named: bytes | None = None) -> bytes:
    w = world()
    w.happen("case-a", "TransferReceived", package_id="p1", receipt_sha256=sha256_hex(named or receipts[0]))
    w.happen("case-a", "PackageReceived", package_id="p2", content_sha256="c2", from_node="gd")
    w.checkpoint("case-a")
    w.receipts.extend(receipts)
    return w.pack("case-a")


@pytest.mark.parametrize("trust", [None, EVERYBODY, trusting("hk", "gd")])
def test_receipts_of_both_directions_hold(trust: Trust | None) -> None:
    own = receipt("hk", package_id="p2", content_sha256="c2", from_node="gd", to_node="hk")
    report = verify(with_receipts(receipt("mo"), own), trust)
    assert report.ok, codes(report)


def test_a_receipt_signed_by_somebody_else_is_refused() -> None:
    is_refused(with_receipts(receipt("gd")), "ledger.verify.receipts.bad_signature")


def test_a_receipt_of_another_case_is_refused() -> None:
    other = receipt("mo", package_id="p9")
    is_refused(with_receipts(other, named=receipt("mo")), "ledger.verify.receipts.not_of_the_case")


# --- what the log binds beside the events -----------------------------------------------------------------------------


def said(report: VerifyReport, code: str) -> Any:
    """The values of the check with this code; None where there is none."""
    return next((check.detail.values for check in report.checks if check.detail.code == f"ledger.verify.{code}"), None)


def received(*, logged: bool = True) -> tuple[World, bytes]:
    w, one = world(), receipt("mo")
    w.happen("case-a", "TransferReceived", package_id="p1", receipt_sha256=sha256_hex(one))
    if logged:
        w.receive("case-a", one)
    else:
        w.receipts.append(one)
    w.checkpoint("case-a")
    return w, w.pack("case-a")


def test_facts_policies_and_receipts_are_those_of_the_log_without_computing_again() -> None:
    report = verify_file(received()[1], EVERYBODY)
    assert report.ok, codes(report)
    assert said(report, "basis.held") == {"count": 1}
    assert said(report, "receipts.logged") == {"count": 1}
    assert {name: said(report, "claimed.by")[name] for name in ("kept", "receipts", "absent")} == {"kept": 0, "receipts": 0, "absent": 0}


def as_of_before(value: dict[str, Any]) -> None:
    """The pack in the form of an earlier version."""
    value["payload"].pop("receipts_logged")
    value["payload"]["format"] = "baybridge-evidence/1"
    for one in value["payload"]["decisions"]:
        one.pop("logged")


def test_a_pack_of_before_holds_and_says_what_is_claimed() -> None:
    w, data = received()
    report = verify_file(resigned(data, w.key, as_of_before), EVERYBODY)
    assert report.ok, codes(report)
    assert said(report, "basis.held") is None
    assert {name: said(report, "claimed.by")[name] for name in ("kept", "receipts")} == {"kept": 1, "receipts": 1}


def other_facts(one: dict[str, Any]) -> None:
    one["facts"] = {"age": 41}


def other_facts_and_text(one: dict[str, Any]) -> None:
    other_facts(one)
    one["logged"]["facts_text"] = '{"age": 41}'


def other_facts_all_the_way(one: dict[str, Any]) -> None:
    other_facts_and_text(one)
    one["logged"]["content"]["facts_sha256"] = sha256_hex(b'{"age": 41}')


def other_facts_with_a_new_entry(one: dict[str, Any]) -> None:
    other_facts_all_the_way(one)
    salt = b"\x01" * 32
    one["logged"]["salt"] = b64url(salt)
    one["logged"]["entry"]["sha256"] = log.content_sha256(salt, canonical_bytes(one["logged"]["content"]))


def other_policy(one: dict[str, Any]) -> None:
    one["policy"] = POLICY + "# a comment\n"


def entry_of_another_decision(one: dict[str, Any]) -> None:
    one["logged"]["entry"]["what"] = "0" * 64


CHANGES = [other_facts, other_facts_and_text, other_facts_all_the_way, other_facts_with_a_new_entry, other_policy, entry_of_another_decision]


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_decision_was_made_on_cannot_be_exchanged_although_nothing_is_computed(w: World, pack: bytes, change: Callable[[Any], None]) -> None:
    report = verify_file(resigned(pack, w.key, lambda v: change(v["payload"]["decisions"][0])), EVERYBODY)
    assert "ledger.verify.basis.changed" in codes(report)


def test_the_basis_of_another_case_is_refused(w: World, pack: bytes) -> None:
    other = json.loads(w.pack("case-b"))["payload"]["decisions"][0]["logged"]
    report = verify_file(resigned(pack, w.key, lambda v: v["payload"]["decisions"][0].update(logged=other)), EVERYBODY)
    assert "ledger.verify.basis.changed" in codes(report)


def test_a_receipt_that_was_never_logged_is_claimed_and_a_wrong_entry_refused() -> None:
    w, data = received(logged=False)
    assert said(verify(data), "claimed.by")["receipts"] == 1
    w, data = received()
    wrong = resigned(data, w.key, lambda v: v["payload"]["receipts_logged"][0].update(salt=b64url(b"\x02" * 32)))
    is_refused(wrong, "ledger.verify.receipts.not_logged")
    strange = resigned(data, w.key, lambda v: v["payload"]["receipts_logged"][0].update(receipt_sha256="0" * 64))
    is_refused(strange, "ledger.verify.receipts.not_logged")
    without = resigned(data, w.key, lambda v: v["payload"].update(receipts=[], receipts_logged=[]))
    assert said(verify(without), "claimed.by")["absent"] == 1, "an event speaks of it"
