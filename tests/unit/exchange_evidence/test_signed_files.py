"""Signed decisions, receipts and checkpoints as files; trust files; what the commands say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from evidence_world import AT, POLICY, decide, key, world

from baybridge.base.canonical import canonical_bytes
from baybridge.base.keys import KeyRing
from baybridge.cli.ledger import ledger, verify
from baybridge.exchange.evidence.anchor import build_anchor
from baybridge.exchange.evidence.trust import read_trust
from baybridge.exchange.evidence.verify import sign_decision, verify_file
from baybridge.exchange.signed import SignedDocument, read_document, sign_document
from baybridge.ledger import keeping

CARD = {"node": "hk", "signing_keys": [key("hk").public.jwk()]}
TRUST = read_trust({"nodes": [CARD, {"node": "gd", "signing_keys": [key("gd").public.jwk()]}]})
DECISION = {"document": decide(POLICY, {"age": 40}, "s", AT), "facts": {"age": 40}, "policy": POLICY}


def codes(data: bytes, trust: object = TRUST) -> set[str]:
    report = verify_file(data, trust, decide)  # type: ignore[arg-type]
    assert report.ok is not bool(report.problems)
    return {reason.code for reason in report.problems}


def test_a_signed_document_is_verified_by_its_signers_keys_alone() -> None:
    data = sign_document("receipt", {"a": 1.5, "b": "濠江"}, key("hk"))
    document = read_document(data)
    assert isinstance(document, SignedDocument)
    assert document.by(KeyRing.of(key("gd").public, key("hk").public)) == key("hk").public
    assert (document.kind, document.payload) == ("receipt", {"a": 1.5, "b": "濠江"})
    assert document.by(KeyRing.of(key("gd").public)) is None


@pytest.mark.parametrize("payload", [float("nan"), float("inf"), 2**60, {1: 2}, b"bytes"])
def test_what_is_no_plain_json_is_not_signed(payload: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        sign_document("receipt", payload, key("hk"))


def test_a_signed_decision_holds_by_a_known_key_and_by_no_other() -> None:
    data = sign_decision(DECISION, key("hk"))
    assert codes(data) == set()
    assert verify_file(data, TRUST, decide).trust.code == "ledger.trust.key_only"
    assert codes(data, None) == {"ledger.verify.signature.unknown_key"}
    assert codes(sign_decision(DECISION, key("stranger"))) == {"ledger.verify.signature.unknown_key"}


def test_a_signed_decision_that_does_not_follow_is_refused_though_the_signature_is_good() -> None:
    changed = {**DECISION, "document": {**decide(POLICY, {"age": 40}, "s", AT), "outcome": "ineligible"}}
    assert codes(sign_decision(changed, key("hk"))) == {"ledger.verify.decisions.differs"}
    assert codes(sign_document("decision", {"outcome": "x"}, key("hk"))) == {"ledger.verify.decisions.unreadable"}


def test_a_decision_with_an_anchor_holds_without_known_keys() -> None:
    w = world()
    anchor = build_anchor(w.connection, node="hk", card=w.card(), key=w.key, witnesses=w.witnesses())
    assert codes(sign_decision(DECISION, w.key, anchor), None) == set()
    assert "ledger.verify.key.other_key" in codes(sign_decision(DECISION, key("stranger"), anchor), None)


def test_a_checkpoint_is_checked_against_known_keys() -> None:
    note = (keeping.latest(world().connection) or "").encode()
    report = verify_file(note, TRUST)
    assert report.ok
    assert report.trust.values["witnesses"] == "gd"
    assert codes(note, None) == {"ledger.verify.checkpoint.unknown_log"}
    assert codes(note.replace(b"\n13\n", b"\n14\n")) == {"ledger.verify.checkpoint.bad_signature"}
    assert codes(note + b"x") == {"ledger.verify.checkpoint.unreadable"}


@pytest.mark.parametrize("value", [CARD, [CARD], {"nodes": [CARD]}, key("hk").public.jwk(), {"keys": [key("hk").public.jwk()]}])
def test_trust_is_read_from_cards_key_sets_and_keys(value: object) -> None:
    assert read_trust(value).keys_of("hk") == (key("hk").public,)


@pytest.mark.parametrize(
    "value", [None, 7, "x", [], {}, {"nodes": []}, {"node": 7, "keys": []}, {"keys": "x"}, {"keys": [{"crv": "Ed25519"}]}]
)
def test_what_names_no_key_is_no_trust(value: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        read_trust(value)


# --- commands -------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Path:
    w = world()
    w.decisions.clear()
    (tmp_path / "pack.json").write_bytes(w.pack("case-a"))
    (tmp_path / "trust.json").write_text(json.dumps({"nodes": [CARD, {"node": "mo", "signing_keys": [key("mo").public.jwk()]}]}))
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(CARD))
    return tmp_path


@pytest.mark.parametrize("more", [(), ("--trust", "trust.json"), ("--trust", "card.yaml")])
def test_verify_says_what_held_and_on_whose_word(files: Path, more: tuple[str, ...]) -> None:
    result = CliRunner().invoke(verify, [str(files / "pack.json"), *(str(files / one) if "." in one else one for one in more)])
    assert result.exit_code == 0, result.output
    assert "This rests" in result.stdout
    assert "ledger." not in result.stdout


def test_verify_refuses_with_one_line_on_standard_error(files: Path) -> None:
    changed = (files / "pack.json").read_bytes().replace(b"CaseOpened", b"CaseClosed")
    (files / "pack.json").write_bytes(changed)
    result = CliRunner().invoke(verify, [str(files / "pack.json"), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["ok"] is False
    assert result.stderr.count("\n") == 1
    assert "does not verify" in result.stderr


def test_a_broken_trust_file_is_said(files: Path) -> None:
    (files / "trust.json").write_text("{")
    result = CliRunner().invoke(verify, [str(files / "pack.json"), "--trust", str(files / "trust.json")])
    assert result.exit_code == 1
    assert result.stderr.startswith("trust.json: expected")


def test_ledger_check_of_a_folder_that_is_no_node_is_said(tmp_path: Path) -> None:
    result = CliRunner().invoke(ledger, ["check", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "node.yaml" in result.stderr


def test_every_reason_has_its_sentence_in_every_language() -> None:
    root = Path(__file__).parents[3] / "src" / "baybridge"
    texts = root / "data" / "translations"
    languages = {name: yaml.safe_load((texts / name / "ledger.yaml").read_text()) for name in ("en", "zh-Hans", "zh-Hant", "pt")}
    assert len({frozenset(sentences) for sentences in languages.values()}) == 1
    used = _codes_in_source(root)
    assert used <= set(languages["en"]), used - set(languages["en"])


def _codes_in_source(root: Path) -> set[str]:
    found = set()
    single = (root / "exchange/signed.py", root / "cli/ledger.py")
    for file in (*single, *(root / "exchange").glob("evidence*.py"), *(root / "ledger").glob("*.py")):
        text = file.read_text()
        found |= set(re.findall(r'"(ledger\.(?:check|trust|signed|command)\.[a-z_]+)"', text))
        found |= {f"ledger.verify.{what}.{code}" for what, code in re.findall(r'(?:failed|held)\("([a-z]+)", "([a-z_]+)"', text)}
        found |= {f"ledger.verify.{what}.held" for what in re.findall(r'held\("([a-z]+)", values', text)}
        found |= {f"ledger.signed.{code}" for code in re.findall(r'_broken\("([a-z_]+)"', text)}
    return found


def test_canonical_bytes_are_what_is_signed() -> None:
    data = sign_document("receipt", {"b": 1, "a": 2}, key("hk"))
    assert data == canonical_bytes(json.loads(data))
