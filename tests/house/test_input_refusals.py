"""What a command's field takes, and what was found in it, is said whole in the reader's language: no English phrase and no bare code, whatever is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import pytest
from msgspec import inspect

from baybridge.base.outcome import Reason, Refusal
from baybridge.documents.loader import Documents, packaged_data
from baybridge.documents.types import type_of
from baybridge.language.texts import Texts
from baybridge.node.commands.given import read_given
from baybridge.node.commands.table import COMMANDS, CommandRow

TEXTS = Texts(Documents(packaged_data()))
OTHERS = ("zh-Hans", "zh-Hant", "pt")
#: Of each kind that JSON has, what some field does not take.
WRONG: tuple[object, ...] = (
    7.5, -3, 10**9, True, "zzz", "", "1800-01-01T00:00", [], [7.5], ["zzz"], [{}], [["zzz"]], {}, {"zzz": 1}, {"zzz": []}, "x" * 9000, ["1"] * 300, None,
)  # fmt: skip
#: English words of the phrases, none of which a Chinese or a Portuguese sentence has.
_ENGLISH = re.compile(
    r"\b(expected|found|one of|text|whole|number|list|mapping|object|entry|entries|characters|such as|with|offset|from|above|at least|at most|nothing|empty|or)\b"
)


def refusals(kind: CommandRow) -> Iterator[Reason]:
    """Every reason that the wrong values meet, each once."""
    seen = set()
    for field in msgspec.structs.fields(kind.given):
        for value in WRONG:
            answer = read_given(kind, {field.name: value})
            for reason in answer.reasons if isinstance(answer, Refusal) else ():
                if reason.code != "command.unknown_field" and (key := str(reason.as_json())) not in seen:
                    seen.add(key)
                    yield reason


def codes(kind: inspect.Type) -> frozenset[str]:
    """The codes that a type lists, in itself and in its parts."""
    if isinstance(kind, inspect.LiteralType):
        return frozenset(str(value) for value in kind.values)
    inner = [getattr(kind, name) for name in ("type", "item_type", "value_type") if isinstance(getattr(kind, name, None), inspect.Type)]
    inner += [part for name in ("types", "item_types") for part in getattr(kind, name, ())]
    inner += [field.type for field in kind.fields] if isinstance(kind, inspect.StructType) else []
    return frozenset[str]().union(*map(codes, inner))


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("kind", COMMANDS.values(), ids=lambda kind: kind.name)
def test_what_is_wrong_in_a_field_is_said_whole(kind: CommandRow, language: str) -> None:
    words = {code: TEXTS.word(language, "code", code) for code in codes(type_of(kind.given))}
    bare = {code for code in words if re.search("[a-z]", code) and code not in " ".join(words.values())}
    for reason in refusals(kind):
        sentence = TEXTS.reason(language, reason)
        assert not bare.intersection(re.findall(r"[A-Za-z0-9_-]+", sentence)), sentence
        assert not _ENGLISH.search(sentence), sentence


def test_what_is_expected_is_a_type_a_phrase_or_codes_with_words() -> None:
    for kind in COMMANDS.values():
        for reason in refusals(kind):
            said = str(reason.values.get("expected", "")).removesuffix(" or nothing")
            known = TEXTS.known(f"type.{said}") or TEXTS.is_phrase(said) or "[" in said
            assert known or all(TEXTS.known(f"code.{code}") for code in said.split(" | ")), (kind.name, reason)
            found = str(reason.values.get("found", "nothing"))
            assert TEXTS.is_phrase(found), (kind.name, reason)


def test_a_channel_and_a_time_that_cannot_be() -> None:
    kind = COMMANDS["EnterRequest"]
    answer = read_given(kind, {"right": "copy", "words": "a copy of it all", "channel": "post", "received_at": "1800-01-01T00:00"})
    assert isinstance(answer, Refusal)
    channel, moment = (TEXTS.reason("zh-Hans", reason) for reason in answer.reasons)
    assert TEXTS.say("zh-Hans", "code.letter") in channel and "letter" not in channel
    assert "带时差的时间" in moment
    assert "characters" not in TEXTS.reason("pt", Reason("command.bad_field", {"field": "note", "expected": "a text of at most 40 characters", "found": "a text"}))


@pytest.mark.parametrize(("language", "words"), [("en", "replace it | strike it through"), ("zh-Hant", "改為正確內容 | 劃去")])
def test_a_code_that_says_another_thing_elsewhere_is_said_by_the_words_of_its_field(language: str, words: str) -> None:
    answer = read_given(COMMANDS["CorrectEntry"], {"event_id": "e", "action": "delete", "reason": "other"})
    assert isinstance(answer, Refusal)
    assert words in TEXTS.reason(language, answer.reasons[0])
