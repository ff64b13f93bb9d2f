"""A command that was not done says so in both places: a sentence on standard error, and with `--json` a refusal on standard output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from baybridge.cli.main import main
from baybridge.node.upkeep.founding import found

NOT_DONE = [
    ("cases", "EMPTY", "--json"),
    ("ledger", "check", "EMPTY", "--json"),
    ("upgrade", "EMPTY", "--check", "--json"),
    ("backup", "EMPTY", "--to", "PLACE", "--key", "FILE", "--json"),
    ("backup", "NODE", "--to", "PLACE", "--key", "FILE", "--json"),
    ("restore", "FILE", "--key", "FILE", "--to", "PLACE", "--json"),
    ("verify-backup", "FILE", "--key", "FILE", "--json"),
    ("message", "test", "--node", "NODE", "--way", "nope", "--to", "me@hospital.example", "--json"),
    ("neighbour", "add", "PLACE", "--node", "NODE", "--json"),
    ("neighbour", "directory", "show", "--node", "NODE", "--json"),
    ("parts", "--advisories", "FILE", "--json"),
    ("user", "disable", "nobody", "--node", "NODE", "--reason", "left", "--json"),
    ("case", "nope", "--node", "NODE", "--json"),
    ("roster", "set", "ROSTER", "--node", "NODE", "--json"),
]


@pytest.mark.parametrize("words", NOT_DONE, ids=lambda words: " ".join(words[:2]))
def test_what_was_not_done_is_an_object_and_a_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    found(tmp_path / "node", {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"]})
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("{ no")
    (tmp_path / "roster").write_text("- {specialty: haematology, account: nobody, from: x, until: y, order: 1, deputy: null}")
    places = {name: str(tmp_path / name.lower()) for name in ("NODE", "EMPTY", "FILE", "PLACE", "ROSTER")}
    done = CliRunner().invoke(main, [places.get(word, word) for word in words])
    assert done.exit_code == 1, (done.stdout, done.stderr, done.exception)
    told = json.loads(done.stdout)
    if words[0] != "verify-backup":  # whose answer says so itself
        assert told["refused"]
        assert all(reason["text"] and {"code", "values", "where", "source", "remedy"} <= set(reason) for reason in told["reasons"])
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr
