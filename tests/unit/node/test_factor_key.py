"""Secrets of second factors: sealed in the database, opened by a key that is not in it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyotp
import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from baybridge.cli.main import main
from baybridge.demo import network
from baybridge.node import tables
from baybridge.node.config import ConfigProblem, read_config
from baybridge.node.node import Node
from baybridge.node.people import second_factor
from baybridge.node.people.factor_key import Sealer, factor_key, is_sealed
from baybridge.node.upkeep.founding import found
from baybridge.node.upkeep.served import ServedElsewhereError, hold, is_served

AT = datetime(2026, 3, 2, tzinfo=UTC)


def founded(folder: Path) -> Node:
    found(folder, network.PROFILES["mo"])
    node = Node(read_config(folder))
    network.add_accounts(node)
    return node


def kept(node: Node) -> list[str]:
    with node.storage.reading() as connection:
        found = connection.execute(select(tables.account.c.totp_secret).where(tables.account.c.totp_secret.is_not(None))).scalars()
        return [str(one) for one in found]


def enrolled(node: Node) -> tuple[str, str]:
    """An account with a second factor, and its secret."""
    with node.storage.writing() as connection:
        account = str(connection.execute(select(tables.account.c.account)).scalar())
        secret = second_factor.begin(connection, account)
        codes = second_factor.confirm(connection, account, pyotp.TOTP(secret).at(AT), AT)
        assert isinstance(codes, tuple)
    return account, secret


def test_the_database_has_no_secret_in_clear_and_a_code_fits(tmp_path: Path) -> None:
    node = founded(tmp_path / "mo")
    account, secret = enrolled(node)
    (stored,) = kept(node)
    assert is_sealed(stored)
    assert secret.encode() not in b"".join(file.read_bytes() for file in (tmp_path / "mo").glob("*.db*"))
    with node.storage.writing() as connection:
        assert second_factor.is_current(connection, account, stored, pyotp.TOTP(secret).at(AT), AT)
        assert not second_factor.is_current(connection, "another", stored, pyotp.TOTP(secret).at(AT), AT), "sealed for one account"


def test_what_an_older_version_kept_in_clear_is_sealed_at_the_next_opening(tmp_path: Path) -> None:
    node = founded(tmp_path / "mo")
    account, secret = enrolled(node)
    with node.storage.writing() as connection:
        connection.execute(update(tables.account).where(tables.account.c.account == account).values(totp_secret=secret))
    node.storage.close()
    again = Node(read_config(tmp_path / "mo"))
    (stored,) = kept(again)
    assert is_sealed(stored)
    with again.storage.reading() as connection:
        assert second_factor.is_current(connection, account, stored, pyotp.TOTP(secret).at(AT), AT)


def test_the_key_is_its_owners_and_stays(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    key = factor_key(tmp_path)
    assert factor_key(tmp_path) == key
    assert (tmp_path / "keys" / "factors.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "keys" / "factors.key").write_text("no key")
    with pytest.raises(ConfigProblem, match="64 hexadecimal digits"):
        factor_key(tmp_path)


def test_the_service_managers_credential_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "baybridge-factors").write_text("ab" * 32)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert factor_key(tmp_path) == bytes.fromhex("ab" * 32)
    assert not (tmp_path / "keys" / "factors.key").exists()


def test_another_key_opens_nothing() -> None:
    stored = Sealer(b"a" * 32).seal("nurse", "SECRET")
    assert Sealer(b"a" * 32).open("nurse", stored) == "SECRET"
    assert Sealer(b"b" * 32).open("nurse", stored) == ""


@pytest.mark.parametrize("url", ["postgresql+psycopg://who:secret@host/db", "postgresql+psycopg://host/db?user=who&password=secret"])
def test_a_password_on_the_command_line_is_refused_and_not_repeated(url: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["init", str(tmp_path / "mo"), "--organisation", "Hospital", "--jurisdiction", "MO", "--database", url])
    assert done.exit_code == 2
    assert "BAYBRIDGE_DATABASE" in done.output
    assert "secret" not in done.output
    assert not (tmp_path / "mo").exists()


def test_a_second_server_on_one_sqlite_folder_is_refused(tmp_path: Path) -> None:
    config = founded(tmp_path / "mo").config
    assert not is_served(config.folder)
    held = hold(config)
    assert is_served(config.folder)
    with pytest.raises(ServedElsewhereError, match="another process serves this node"):
        hold(config)
    held.close()
    hold(config).close()
