"""Checking the sentences of a site: the language is one, the key says something here, and the values in braces are those that the sentence has.

Main job: `sentence_problems(…)` of one sentence and `language_problems(…)` of the folder in which its file stands.

A key that nobody asks for would never be shown, and a sentence that cannot be filled would take a page down with it. A site may have words for what it names itself
(a region, a product, a code): keys that end with a name in its own documents are known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from string import Formatter

from baybridge.documents.loader import Documents
from baybridge.documents.problems import UNKNOWN_FOLDER, UNKNOWN_KEY, WRONG_VALUE, Problem, did_you_mean, kind_of
from baybridge.documents.source import Source

SENTENCES = "translations"


def language_problems(file: Path, folder: str, shipped: Documents, named: Collection[str]) -> Iterator[Problem]:
    """Sentences stand in the folder of a language, of ours or of the site's documents."""
    languages, language = shipped.folder("languages"), folder.removeprefix(SENTENCES).strip("/")
    if language not in languages and language not in named:
        expected = f"sentences in a folder of a language: {', '.join(sorted(languages))}"
        yield Problem(str(file), 1, 1, UNKNOWN_FOLDER, expected, language or "a file beside the folders", did_you_mean(language, languages))


def sentence_problems(source: Source, shipped: Documents, key: str, value: object, named: Collection[str]) -> Iterator[Problem]:
    """A sentence is a text with the values that ours has, under a key that stands there or names something of the site's own documents."""
    ours = shipped.translations("en")  # every key stands there
    if key not in ours and not any(part in named for part in (*key.split(".")[1:], key.partition(".")[2])):
        yield source.problem(UNKNOWN_KEY, (key,), "a key of ours, or one that ends with a name in the site's documents", key, did_you_mean(key, ours))
    if value is None:
        return
    if not isinstance(value, str):
        yield source.problem(WRONG_VALUE, (key,), "a text", kind_of(value), "quote it")
        return
    values = _values_of(value)
    if values is None or not all(name.isidentifier() for name, _ in values):
        yield source.problem(WRONG_VALUE, (key,), "a sentence with the name of a value in each pair of braces", value)
    elif key in ours:
        known = _known(shipped, key)
        if not values <= known:
            expected = f"values of the sentence: {', '.join(sorted({name for name, _ in known}))}" if known else "a sentence without values in braces"
            yield source.problem(WRONG_VALUE, (key,), expected, ", ".join(sorted("".join(one) for one in values - known)))


def texts_in(value: object) -> Iterator[str]:
    """Every name and text of a document."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)
    elif isinstance(value, str):
        yield value


def _known(shipped: Documents, key: str) -> frozenset[tuple[str, str]]:
    """The values of a sentence as some language of ours writes them, and plain."""
    sentences = (shipped.translations(language).get(key, "") for language in shipped.folder("languages"))
    written = frozenset(one for sentence in sentences for one in _values_of(sentence) or ())
    return written | {(name, "") for name, _ in written}


def _values_of(sentence: str) -> frozenset[tuple[str, str]] | None:
    """The names of the values in a sentence, each with how it is written; None where a brace is not closed."""
    try:
        parts = [(name, f"!{turned}" if turned else f":{how}" if how else "") for _, name, how, turned in Formatter().parse(sentence) if name is not None]
    except ValueError:
        return None
    return frozenset(parts)
