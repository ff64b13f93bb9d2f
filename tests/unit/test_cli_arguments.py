"""Wrong arguments of commands: exit code 2, and everything that is wrong at once."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from baybridge.cli.arguments import MOMENT, Thorough
from baybridge.cli.main import TOPICS, main


def commands(group=main, path=()):
    """Every command with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = dict(commands())
DATED = [(words, option.opts[0]) for words, command in ALL.items() for option in command.params if {"--at", "--since"} & set(option.opts)]


def call(*words):
    result = CliRunner().invoke(main, words)
    assert "Traceback" not in result.stderr
    return result


def test_every_topic_is_looked_at_and_tells_all_that_is_wrong():
    assert {words[0] for words in ALL} == set(TOPICS)
    assert [words for words, command in ALL.items() if not isinstance(command, Thorough)] == []


@pytest.mark.parametrize(("words", "option"), DATED)
@pytest.mark.parametrize(
    ("moment", "says"),
    [
        ("tomorrow", "expected a time with offset such as"),
        ("2026-02-30", "expected a date such as"),
        ("2026-01-01T08:00:00", "expected an offset such as +08:00"),
        ("", "expected a time with offset"),
        ("0001-01-01T00:00:00+14:00", "expected a time within the years 1 to 9999"),
    ],
)
def test_a_malformed_moment_is_wrong_usage_and_says_what_was_expected(words, option, moment, says):
    result = call(*words, option, moment)
    assert result.exit_code == 2
    assert option in result.stderr
    assert says in result.stderr


def test_commands_with_a_moment_are_found():
    assert {(("decide",), "--at"), (("facts",), "--at"), (("policy", "run"), "--at"), (("policy", "show"), "--at")} <= set(DATED)
    assert all(option.type is MOMENT for command in ALL.values() for option in command.params if {"--at", "--since"} & set(option.opts))


def test_several_wrong_arguments_are_told_together():
    result = call("policy", "run", "easix", "--at", "soon", "--engine", "abacus", "--facts", "no-such.parquet", "--node", "no-such-folder")
    assert result.exit_code == 2
    for wrong in ("'--at'", "'--engine'", "'--facts'", "'--node'", "'soon'", "no-such.parquet"):
        assert wrong in result.stderr


def test_what_is_missing_is_told_with_what_is_wrong():
    result = call("policy", "run", "--at", "soon")
    assert result.exit_code == 2
    for wrong in ("'POLICY'", "'--facts'", "'soon'"):
        assert wrong in result.stderr


def test_one_wrong_argument_is_told_once_and_help_is_help():
    assert call("decide", "easix", "--facts", "-", "--at", "soon").stderr.count("soon") == 1
    assert call("decide", "--at", "soon", "--help").exit_code == 0
