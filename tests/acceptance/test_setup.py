"""`baybridge setup`: from answers to a node, or nothing; everything that is wrong is told at once, and a killed setup leaves no half."""

from __future__ import annotations

import json
import os
import pty
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

import databases
from acceptance.support_processes import free_ports
from acceptance.test_serving import certify
from baybridge.cli.main import main
from baybridge.node.config import read_config
from baybridge.node.integrity.check import check_stored
from baybridge.node.keeping import packing
from baybridge.node.neighbours import register
from baybridge.node.neighbours.transport import Fetched
from baybridge.node.node import open_node
from baybridge.node.people import account_list
from baybridge.node.setup import looks, making
from baybridge.node.setup.answers import Answers, answers_from
from baybridge.node.steps import SETUP, Walk
from baybridge.node.upkeep import doctor
from baybridge.node.upkeep.founding import card, found
from killing import killed


def answers(**more: Any) -> dict[str, Any]:
    (port,) = free_ports(1)
    return {
        "organisation": "Hospital of the East", "jurisdiction": "MO", "address": f"http://127.0.0.1:{port}", "listen": {"port": port},
        "administrator": {"account": "chan", "name": "Chan Tai Man"}, **more,
    }  # fmt: skip


def written(folder: Path, given: dict[str, Any], name: str = "answers.yaml") -> Path:
    (folder / name).write_text(yaml.safe_dump(given, allow_unicode=True), encoding="utf-8")
    return folder / name


def run(folder: Path, file: Path, *options: str, language: str = "en") -> Result:
    return CliRunner().invoke(main, ["--language", language, "setup", str(folder), "--answers", str(file), *options])


def nobody(card: str) -> Fetched:
    raise ConnectionError(card)


def set_up(folder: Path, given: Answers, base: Path, halt_at: str = "") -> making.SetUp:
    return making.set_up(folder, given, making.Place(base, nobody, Walk(halt_at)))


def test_a_node_is_made_with_its_first_administrator_who_is_invited_once(tmp_path: Path) -> None:
    done = run(tmp_path / "mo", written(tmp_path, answers(languages=["zh-Hant", "pt"])), "--json")
    said = json.loads(done.stdout)
    assert done.exit_code == 0, done.output
    assert said["administrator"]["link"].startswith(f"{said['address']}/sign-in/invitation?token=")
    node = open_node(tmp_path / "mo")
    with node.storage.reading() as connection:
        (one,) = account_list.listed(connection, node.now())
    assert (one.account, one.name, one.roles, one.state) == ("chan", "Chan Tai Man", ("administrator",), "invited")
    assert list(node.languages)[:2] == ["zh-Hant", "pt"], "pages offer languages in the order of the answers"
    node.storage.close()
    assert check_stored(read_config(tmp_path / "mo")).findings == []
    assert said["administrator"]["invitation"] not in (tmp_path / "mo" / "node.yaml").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.yaml", "mo"]


def test_twice_is_refused_with_words_and_changes_nothing(tmp_path: Path) -> None:
    file = written(tmp_path, answers())
    assert run(tmp_path / "mo", file).exit_code == 0
    before = (tmp_path / "mo" / "keys" / "signing.pem").read_bytes()
    again = run(tmp_path / "mo", file, language="zh-Hant")
    assert again.exit_code == 1
    assert "中已有節點" in again.output
    assert (tmp_path / "mo" / "keys" / "signing.pem").read_bytes() == before
    assert "baybridge doctor" in run(tmp_path / "mo", file).output


WRONG = {
    "organisation": 3, "jurisdictoin": "MO", "jurisdiction": "ZZ", "kinds": ["hospital"], "languages": ["zh-Hant", "kl", 4],
    "address": "https://x.example/path", "listen": {"host": "0.0.0.0", "port": "8080"}, "tls": {"certificate": "c.pem"}, "metrics_port": 0,
    "trusted_proxies": ["10.0.0.0/33", "10.0.0.0/8", "0.0.0.0/0", "::/0"],
    "database": "postgresql://user:secret-word@host/one", "documents": "nowhere",
    "administrator": {"account": "a", "name": "A\u0000", "language": "de"}, "neighbours": [{"card": "a"}, 3], "backup": {"to": "b"},
}  # fmt: skip
KEYS = (
    "organisation", "jurisdictoin", "jurisdiction", "kinds[0]", "languages[1]", "languages[2]", "listen.port", "tls.key", "metrics_port", "documents",
    "administrator.name", "administrator.language", "neighbours[0].fingerprint", "neighbours[1]", "backup.key", "database", "trusted_proxies[0]", "address",
    "trusted_proxies[2]", "trusted_proxies[3]",
)  # fmt: skip


@pytest.mark.parametrize("form", ["yaml", "toml"])
def test_everything_wrong_with_a_file_is_told_at_once_at_its_key(tmp_path: Path, form: str) -> None:
    file = tmp_path / f"answers.{form}"
    file.write_text(yaml.safe_dump(WRONG) if form == "yaml" else as_toml(WRONG), encoding="utf-8")
    done = run(tmp_path / "mo", file, "--json")
    assert done.exit_code == 1
    problems = json.loads(done.stdout)["problems"]
    assert {one["field"] for one in problems} >= set(KEYS)
    assert all(one["expected"] and one["found"] for one in problems)
    assert "secret-word" not in done.output
    assert list(tmp_path.iterdir()) == [file]


def as_toml(given: dict[str, Any]) -> str:
    flat = {key: value for key, value in given.items() if not isinstance(value, dict)}
    lines = [f"{key} = {json.dumps(value) if not isinstance(value, list) else as_list(value)}" for key, value in flat.items()]
    for key, value in given.items():
        if isinstance(value, dict):
            lines += [f"[{key}]", *(f"{name} = {json.dumps(part)}" for name, part in value.items())]
    return "\n".join(lines)


def as_list(value: list[Any]) -> str:
    parts = ("{" + ", ".join(f"{k} = {json.dumps(v)}" for k, v in one.items()) + "}" if isinstance(one, dict) else json.dumps(one) for one in value)
    return "[" + ", ".join(parts) + "]"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: [", "expected a YAML document"),
        (b"\xff\xfe", "in UTF-8"),
        (b"- 1", "mapping"),
        (b"", "organisation"),
        (b"#" * 2_000_000, "at most 1000000 bytes"),
    ],
)
def test_a_file_that_is_no_document_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    done = run(tmp_path / "mo", tmp_path / "a.yaml")
    assert done.exit_code == 1
    assert words in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("more", "key", "found"),
    [
        ({"address": "https://x.example"}, "address", "neither"),
        ({"address": "http://x.example"}, "address", "http://x.example"),
        ({"address": "http://127.0.0.1:99999"}, "address", "http://127.0.0.1:99999"),
        ({"listen": {"host": "0.0.0.0", "port": 8080}}, "listen.host", "0.0.0.0"),
        ({"listen": {"host": "nowhere at all"}}, "listen.host", "nowhere at all"),
        ({"metrics_port": 8080, "listen": {"port": 8080}}, "metrics_port", "8080"),
        ({"database": "mysql://h/d"}, "database", "mysql"),
        ({"languages": ["pt", "pt"]}, "languages[1]", "pt"),
    ],
)
def test_answers_that_do_not_go_together_are_told(tmp_path: Path, more: dict[str, Any], key: str, found: str) -> None:
    done = run(tmp_path / "mo", written(tmp_path, answers() | more), "--json")
    assert [(one["field"], one["found"]) for one in json.loads(done.stdout)["problems"]] == [(key, found)]


def test_what_can_be_looked_at_is_looked_at_and_all_of_it_told_before_anything_is_made(tmp_path: Path) -> None:
    certificate, _ = certify(tmp_path, 1)
    shutil.copyfile(certificate, tmp_path / "no-key.pem")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        given = answers(
            address="https://127.0.0.1",
            listen={"port": taken.getsockname()[1]},
            tls={"certificate": "certificate.pem", "key": "no-key.pem"},
            database="postgresql+psycopg://nobody@127.0.0.1:1/none",
            backup={"to": "not-there", "key": "certificate.pem"},
            neighbours=[{"card": "not-there.json", "fingerprint": "0" * 64}],
        )
        done = run(tmp_path / "mo", written(tmp_path, given), "--json")
    codes = {one["code"] for one in json.loads(done.stdout)["reasons"]}
    assert codes == {"setup.port", "setup.certificate", "setup.database_away", "setup.backup_folder", "setup.backup_key", "setup.neighbour_away"}
    assert not (tmp_path / "mo").exists()


def test_a_setting_that_would_go_before_the_answers_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAYBRIDGE_DATABASE", f"sqlite:///{tmp_path / 'elsewhere.sqlite'}")
    done = json.loads(run(tmp_path / "mo", written(tmp_path, answers()), "--json").stdout)
    assert [one["code"] for one in done["reasons"]] == ["setup.database_setting"]
    assert [path.name for path in tmp_path.iterdir()] == ["answers.yaml"]


def test_only_looking_makes_nothing(tmp_path: Path) -> None:
    done = run(tmp_path / "var" / "lib" / "mo", written(tmp_path, answers()), "--check")
    assert done.exit_code == 0
    assert "Nothing stands against it" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["answers.yaml"]


def test_a_certificate_of_another_name_is_told_and_does_not_bar(tmp_path: Path) -> None:
    certify(tmp_path, 1)
    tls = {"certificate": "certificate.pem", "key": "key.pem"}
    own = json.loads(run(tmp_path / "one", written(tmp_path, answers(address="https://127.0.0.1:8443", tls=tls)), "--json").stdout)
    other = json.loads(run(tmp_path / "two", written(tmp_path, answers(address="https://x.example", tls=tls)), "--json").stdout)
    assert [one["state"] for one in own["checks"] if one["check"] == "certificate"] == ["ok"]
    assert [one["code"] for one in other["checks"] if one["check"] == "certificate"] == ["setup.certificate_name"]
    assert read_config(tmp_path / "two").serving.certificate == tmp_path / "certificate.pem", "paths of the answers count from their file"


@pytest.mark.skipif(os.geteuid() != 0, reason="another user can be tried by root alone")
def test_a_port_that_only_the_service_may_take_is_told_and_does_not_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    [*looks._port("port", "127.0.0.1", 443)]  # imports what it needs, which the other user may not read
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        (one,) = looks._port("port", "127.0.0.1", 443)
        os.write(write, f"{one.reason.code if one.reason else ''} {one.bars}".encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as said:
        assert said.read() in ("setup.port_low False", " True")  # a machine may let everybody take it


def test_a_neighbour_is_added_by_its_card_and_the_fingerprint_that_was_read_out(tmp_path: Path) -> None:
    found(tmp_path / "hk", {"node": "hk", "organisation": "Centre", "jurisdiction": "HK", "kinds": ["centre"]})
    theirs = card(tmp_path / "hk", "https://hk.example")
    (tmp_path / "hk.json").write_text(json.dumps(theirs))
    given = answers(neighbours=[{"card": "hk.json", "fingerprint": "1" * 64}])
    assert "neighbour.fingerprint" in run(tmp_path / "mo", written(tmp_path, given), "--json").stdout
    given["neighbours"][0]["fingerprint"] = register.fingerprint(theirs).upper()
    assert run(tmp_path / "mo", written(tmp_path, given)).exit_code == 0
    assert list(read_config(tmp_path / "mo").neighbours) == ["hk"]


@pytest.mark.parametrize("step", SETUP)
@pytest.mark.parametrize("apart", [False, True], ids=["one-folder", "settings-apart"])
def test_killed_at_any_step_there_is_the_node_or_nothing_and_the_same_command_makes_it(tmp_path: Path, step: str, apart: bool) -> None:
    given = answers_from(answers(**({"config_folder": "etc/mo"} if apart else {})), "", tmp_path)
    killed(lambda: set_up(tmp_path / "var" / "mo", given, tmp_path, step))
    whole = step == "setup.named"
    assert (tmp_path / "var" / "mo").exists() == whole
    done = set_up(tmp_path / "var" / "mo", given, tmp_path)
    assert (done.made is None) == whole
    assert [reason.code for reason in done.refusal.reasons] == ["setup.again"] if done.refusal else True
    assert check_stored(read_config(tmp_path / "var" / "mo")).findings == []
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["mo"]
    assert sorted(path.name for path in (tmp_path / "etc" / "mo").iterdir()) == ["data", "node.yaml"] if apart else True


@pytest.mark.parametrize("step", SETUP)
def test_killed_on_a_server_the_tables_that_were_begun_go_with_the_next_try(tmp_path: Path, step: str) -> None:
    url = databases.url_of("postgresql", tmp_path)
    given = Answers(**{**answers_of(tmp_path), "database": url})  # the tests' own server asks for no password by socket or has one in the URL
    killed(lambda: set_up(tmp_path / "mo", given, tmp_path, step))
    if step not in ("setup.begun", "setup.named"):
        other = set_up(tmp_path / "other", given, tmp_path)
        assert [reason.code for reason in other.refusal.reasons] == ["setup.database_used"] if other.refusal else False
    done = set_up(tmp_path / "mo", given, tmp_path)
    assert (done.made is None) == (step == "setup.named")
    assert check_stored(read_config(tmp_path / "mo")).findings == []


def answers_of(base: Path) -> dict[str, Any]:
    made = answers_from(answers(), "", base)
    return {name: getattr(made, name) for name in made.__struct_fields__}


def test_paths_count_from_the_file_of_answers_wherever_the_command_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    written(tmp_path, answers(config_folder="etc/mo"))
    given = answers_from(answers(config_folder="etc/mo"), "", tmp_path)
    killed(lambda: set_up(tmp_path / "mo", given, tmp_path, "setup.laid_out"))
    assert run(Path("../mo"), Path("../answers.yaml")).exit_code == 0, "what was laid out before the kill is its own"
    assert (tmp_path / "mo" / "node.yaml").resolve() == (tmp_path / "etc" / "mo" / "node.yaml").resolve()
    assert read_config(tmp_path / "mo").site.node == "mo"


@pytest.mark.parametrize("how", ["link", "open to others"])
def test_a_hidden_folder_that_somebody_else_may_have_made_is_neither_believed_nor_removed(tmp_path: Path, how: str) -> None:
    """Else who may write beside the node's folder could have any folder of this user removed, or any database emptied."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "node.yaml").write_text("mine")
    hidden = tmp_path / ".mo.setup"
    if how == "link":
        hidden.symlink_to(tmp_path / "precious")
    else:
        hidden.mkdir()
        hidden.chmod(0o777)
        (hidden / "node.yaml").symlink_to(tmp_path / "precious" / "node.yaml")
    done = set_up(tmp_path / "mo", answers_from(answers(), "", tmp_path), tmp_path)
    assert [reason.code for reason in done.refusal.reasons] == ["setup.unwritten"] if done.refusal else False
    assert (tmp_path / "precious" / "node.yaml").read_text() == "mine"
    assert not (tmp_path / "mo").exists()


def test_two_at_once_are_told_apart(tmp_path: Path) -> None:
    given = answers_from(answers(), "", tmp_path)
    with making._alone(tmp_path / "hk"):
        done = set_up(tmp_path / "mo", given, tmp_path)
    assert [reason.code for reason in done.refusal.reasons] == ["setup.busy"] if done.refusal else False


def test_settings_apart_are_read_backed_up_and_come_back_in_one_folder(tmp_path: Path) -> None:
    private, public = packing.new_key()
    (tmp_path / "key").write_text(private)
    (tmp_path / "key.pub").write_text(public)
    (tmp_path / "backups").mkdir()
    given = answers(config_folder="etc/mo", languages=["pt"], backup={"to": "backups", "key": "key.pub"})
    folder = tmp_path / "var" / "mo"
    assert run(folder, written(tmp_path, given)).exit_code == 0
    assert (folder / "node.yaml").readlink() == tmp_path / "etc" / "mo" / "node.yaml"
    invoke = CliRunner().invoke
    assert invoke(main, ["backup", str(folder)]).exit_code == 0
    assert invoke(main, ["backup", str(folder), "--if-due"]).output == "None is due yet.\n"
    assert len(list((tmp_path / "backups").iterdir())) == 1
    assert invoke(main, ["verify-backup", str(tmp_path / "backups"), "--key", str(tmp_path / "key")]).exit_code == 0
    (file,) = (tmp_path / "backups").iterdir()
    assert invoke(main, ["restore", str(file), "--key", str(tmp_path / "key"), "--to", str(tmp_path / "new")]).exit_code == 0
    assert (tmp_path / "new" / "node.yaml").read_bytes() == (tmp_path / "etc" / "mo" / "node.yaml").read_bytes()
    assert (tmp_path / "new" / "data" / "languages" / "pt.yaml").is_file()


def test_the_newest_backup_of_a_folder_is_of_the_node_that_is_named(tmp_path: Path) -> None:
    for name in ("hk-20260101T000000Z.backup.age", "mo-20260102T000000Z.backup.age"):
        (tmp_path / name).write_bytes(b"none")
    (tmp_path / "key").write_text(packing.new_key()[0])
    verify = ["verify-backup", str(tmp_path), "--key", str(tmp_path / "key")]
    invoke = CliRunner().invoke
    assert "those of hk, mo" in invoke(main, verify).output
    assert "hk-20260101T000000Z" in invoke(main, [*verify, "--of", "hk"]).output
    assert "expected a backup of sh" in invoke(main, [*verify, "--of", "sh"]).output


@pytest.mark.skipif(os.geteuid() != 0, reason="another user can be tried by root alone")
def test_another_user_s_folders_and_keys_are_told_in_words(tmp_path: Path) -> None:
    certificate, key = certify(tmp_path, 1)
    key.chmod(0o600)
    certificate.chmod(0o644)
    for place in (tmp_path, *tmp_path.parents):
        if place.stat().st_uid == 0 and place != Path("/") and str(place).startswith("/tmp/"):
            place.chmod(0o755)
    file = written(tmp_path, answers(address="https://127.0.0.1", tls={"certificate": "certificate.pem", "key": "key.pem"}))
    found(tmp_path / "hk", {"node": "hk", "organisation": "Centre", "jurisdiction": "HK", "kinds": ["centre"]})
    (tmp_path / "warm").mkdir(mode=0o777)
    warm = written(tmp_path / "warm", answers(address="https://127.0.0.1", tls={"certificate": "none.pem", "key": "none.pem"}))
    commands = (("setup", tmp_path / "mo", "--answers", file), ("serve", tmp_path / "hk"), ("doctor", tmp_path / "hk"))
    run(tmp_path / "warm" / "mo", warm)  # what a command imports on its first use is not theirs to read on every machine
    CliRunner().invoke(main, ["doctor", str(tmp_path / "warm")])
    told, opened, examined = (as_nobody(list(map(str, one))) for one in commands)
    assert "may not write" in told
    assert "key key.pem" in told
    assert "is not readable" in opened
    assert "is not readable" in examined
    assert not (tmp_path / "mo").exists()


def as_nobody(command: list[str]) -> str:
    """What a command says to another user of the machine, who gets no node by it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        done = CliRunner().invoke(main, command)
        os.write(write, f"{done.exit_code} {done.exception!r} {done.output}".encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as said:
        told = said.read()
    assert told[:14] in ("1 SystemExit(1", "2 SystemExit(2"), told
    return told


def test_questions_are_asked_on_a_terminal_alone_and_answered_there(tmp_path: Path) -> None:
    no_terminal = CliRunner().invoke(main, ["setup", str(tmp_path / "mo")])
    assert no_terminal.exit_code == 2
    assert "--answers FILE" in no_terminal.output
    (port,) = free_ports(1)
    told = ["Hospital of the West", "MO", "", "", "", "zh-Hant", "", f"http://127.0.0.1:{port}", "", str(port), "", "", "chan", "Chan Tai Man", ""]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "baybridge", "--language", "zh-Hant", "setup", str(tmp_path / "mo")])
    os.write(terminal, "".join(f"{one}\n" for one in told).encode())
    said = b""
    try:
        while part := os.read(terminal, 4096):
            said += part
    except OSError:
        pass  # the other end closed it
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, said.decode()
    assert "機構名稱" in said.decode()
    config = read_config(tmp_path / "mo")
    assert (config.site.organisation, config.port, config.url) == ("Hospital of the West", port, f"http://127.0.0.1:{port}")


def test_a_mail_server_is_named_in_the_documents_and_its_password_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "mail.txt").write_text("unmistakable\n")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        mail = {"host": "127.0.0.1", "port": server.getsockname()[1], "sender": "node@x.example", "account": "node", "password_file": "mail.txt"}
        given = answers(mail={**mail, "inside": True, "administrator": "chan@x.example"})
        done = run(tmp_path / "mo", written(tmp_path, given), "--json")
    assert [one["state"] for one in json.loads(done.stdout)["checks"] if one["check"] == "mail"] == ["ok"], done.output
    finding = next(one for one in doctor.examine(tmp_path / "mo") if one.check == "mail")
    assert (finding.state, finding.found) == ("warn", "1 ways, 0 rules, addresses of 1 people")
    assert [path.name for path in (tmp_path / "mo").rglob("*") if path.is_file() and b"unmistakable" in path.read_bytes()] == ["mail-password"]
    away = json.loads(run(tmp_path / "hk", written(tmp_path, given), "--json").stdout)
    assert [one["code"] for one in away["checks"] if one["check"] == "mail"] == ["setup.mail_away"], "told, and no bar: the server may come later"
    assert (tmp_path / "hk").exists()


def units_of(folder: Path, to: Path, *options: str) -> dict[str, str]:
    done = CliRunner().invoke(main, ["systemd", str(folder), "--to", str(to), "--user", "root", *options, "--json"])
    return {Path(one).name: Path(one).read_text(encoding="utf-8") for one in json.loads(done.stdout)["units"]}


def a_node(tmp_path: Path, name: str) -> Path:
    """A node that writes backups, and downtime packs to two places, one of which is away."""
    private, public = packing.new_key()
    (tmp_path / "key").write_text(private)
    (tmp_path / "key.pub").write_text(public)
    folder = tmp_path / name
    folder.mkdir()
    (tmp_path / "backups").mkdir()
    assert run(folder, written(tmp_path, answers(node="mo", backup={"to": "backups", "key": "key.pub"}))).exit_code == 0
    profile = yaml.safe_load((folder / "node.yaml").read_text(encoding="utf-8"))
    places = {"to": str(tmp_path / "packs $x"), "second": "/mnt/of another machine/packs"}
    (folder / "node.yaml").write_text(yaml.safe_dump({**profile, "downtime": places}, allow_unicode=True), encoding="utf-8")
    return folder


def test_units_for_systemd_stand_as_systemd_reads_them(tmp_path: Path) -> None:
    folder = a_node(tmp_path, "a node; 100%")
    (tmp_path / "log").mkdir()
    units = units_of(folder, tmp_path / "units", "--private-key", str(tmp_path / "key"), "--log-folder", str(tmp_path / "log"))
    assert sorted(units) == [f"baybridge-mo{end}" for end in ("-backup.service", "-backup.timer", "-verify-backup.service", "-verify-backup.timer", ".service")]
    assert f'serve "{tmp_path}/a node; 100%%"' in units["baybridge-mo.service"]
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("this machine has no systemd-analyze")
    looked = subprocess.run([analyze, "verify", *(str(path) for path in (tmp_path / "units").iterdir())], capture_output=True, text=True, check=False)
    assert (looked.returncode, looked.stderr) == (0, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")
def test_a_user_who_could_not_open_the_node_is_told_when_the_units_are_written(tmp_path: Path) -> None:
    folder = a_node(tmp_path, "mo")

    def told(user: str) -> str:
        done = CliRunner().invoke(main, ["systemd", str(folder), "--to", str(tmp_path / "units"), "--user", user])
        assert done.exit_code == 0
        return done.stderr

    assert "no user nobody-at-all" in told("nobody-at-all")
    assert "run as root" in told("root")
    assert "chown -R nobody" in told("nobody")
    os.chown(folder, 65534, 65534)
    assert told("nobody") == ""


def test_a_service_may_write_where_its_node_writes_and_starts_while_such_a_place_is_away(tmp_path: Path) -> None:
    service = units_of(a_node(tmp_path, "mo"), tmp_path / "units")["baybridge-mo.service"]
    (line,) = (line for line in service.splitlines() if line.startswith("ReadWritePaths="))
    assert line == f'ReadWritePaths={tmp_path}/mo -{tmp_path}/backups "-{tmp_path}/packs $x" "-/mnt/of another machine/packs"'


def test_a_service_may_ask_the_kernel_who_keeps_the_clock(tmp_path: Path) -> None:
    """glibc asks by clock_adjtime; a filter without it ends the process as soon as somebody looks at the clock."""
    for text in (text for name, text in units_of(a_node(tmp_path, "mo"), tmp_path / "units").items() if name.endswith(".service")):
        lines = text.splitlines()
        (allowed,) = (line.partition("=")[2].split() for line in lines if line.startswith("SystemCallFilter="))
        assert {"adjtimex", "clock_adjtime"} <= {*allowed}
        assert "SystemCallErrorNumber=EPERM" in lines
        assert "ProtectClock=yes" not in lines
        assert "CapabilityBoundingSet=" in lines  # nor may it set the clock


def test_a_service_that_ends_by_a_signal_of_reload_starts_again(tmp_path: Path) -> None:
    """A reload before the server listens ends it by SIGHUP, which systemd takes for a clean end."""
    service = units_of(a_node(tmp_path, "mo"), tmp_path / "units")["baybridge-mo.service"]
    assert "Restart=always" in service.splitlines()
    assert 'ExecReload=/bin/sh -c "kill -HUP $MAINPID"' in service.splitlines()  # a small system has no /bin/kill
