"""YAML with its places: plain values for reading, and the line and column of each for complaints.

Main job: `read_yaml(text, origin)` answers a `Source`: the parsed document and where each part of it stands.

Duplicate keys, several documents in one file, tags that make objects and texts too large are refused. Elsewhere: `policy/document/reader.py` gives
the values their meaning.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from typing import Any

import yaml

from baybridge.base.canonical import MAX_INTEGER
from baybridge.documents.problems import MISSING, TWICE, UNKNOWN_KEY, WRONG_VALUE, PolicyProblems, Problem, field_name, path_of

MAX_CHARACTERS = 1_000_000
MAX_NODES = 50_000
MAX_DEPTH = 30

Path = tuple[str | int, ...]
_MERGE = "tag:yaml.org,2002:merge"
_PLAIN_TAGS = frozenset({"str", "int", "float", "bool", "null", "timestamp"})
_PLAIN = frozenset({str, int, float, bool, type(None)})  # most of what stands in a document
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Source:
    """A parsed document and the places of its parts."""

    def __init__(self, text: str, origin: str) -> None:
        self.text, self.origin = text, origin
        self.problems: list[Problem] = []
        self.nodes: dict[Path, yaml.Node] = {}
        self.keys: dict[Path, yaml.Node] = {}  # where the key of each part of a mapping stands
        self.document: Any = None

    def report(self, code: str, path: Path, expected: str, found: str, hint: str = "") -> None:
        """Note a problem at a part of the document, or at the nearest part around it that stands there."""
        self.add(self.problem(code, path, expected, found[:80], hint))

    def problem(self, code: str, path: Path, expected: str, found: str, hint: str = "") -> Problem:
        """A problem at a part of the document: at the key where the key is wrong, or under which something is missing, else at the value."""
        missing = code == MISSING and path not in self.nodes
        line, column = self.place(path[:-1] if missing else path, of_key=missing or code in (UNKNOWN_KEY, TWICE))
        return Problem(self.origin, line, column, code, expected, found, hint, field_name(path))

    def place(self, path: Path, *, of_key: bool = False) -> tuple[int, int]:
        """Line and column of a part of the document (or of its key), or of the nearest part around it that stands there."""
        while path and path not in self.nodes and not (of_key and path in self.keys):
            path = path[:-1]
        node = self.keys.get(path) if of_key else None
        return _mark(node or self.nodes.get(path))

    def places(self, path: Path) -> Iterator[tuple[str, tuple[int, int], tuple[int, int]]]:
        """Each part of a mapping of the document by name, with the places of its value and of its key; none where no mapping stands."""
        mapping = self.nodes.get(path)
        for key, value in mapping.value if isinstance(mapping, yaml.MappingNode) else ():
            yield str(key.value), _mark(value), _mark(key)

    def line_of(self, field: str) -> int:
        """The line of a field such as `bands[1].rate`, where its key or its entry begins, or of the nearest part around it."""
        return self.place(path_of(field), of_key=True)[0]

    def report_within(self, code: str, path: Path, offset: int, expected: str, found: str, hint: str = "") -> None:
        """Note a problem at a character of a text in the document."""
        line, column = self._place_within(path, offset)
        self.add(Problem(self.origin, line, column, code, expected, found[:80], hint, field_name(path)))

    def add(self, problem: Problem) -> None:
        """Keep a problem, once."""
        if problem not in self.problems:
            self.problems.append(problem)

    def _place_within(self, path: Path, offset: int) -> tuple[int, int]:
        """Line and column of a character."""
        node: Any = self.nodes[path]
        position = min(self.index_within(path, offset), max(node.end_mark.index - 1, 0))
        return self.text.count("\n", 0, position) + 1, position - self.text.rfind("\n", 0, position)

    def index_within(self, path: Path, offset: int) -> int:
        """Where a character of a text stands in the document: the written text is walked, skipping what folding and quoting add."""
        node: Any = self.nodes[path]
        skip = sum(not mark.isspace() for mark in str(node.value)[:offset])
        position, end = int(node.start_mark.index), int(node.end_mark.index)
        if node.style in ("|", ">"):
            position = self.text.find("\n", position) + 1
        elif node.style:
            position += 1
        while position < end and (skip or self.text[position].isspace()):
            skip -= not self.text[position].isspace()
            if node.style == "'" and self.text.startswith("''", position):
                position += 1
            position += 1
        return position


def _mark(node: yaml.Node | None) -> tuple[int, int]:
    """Where a node begins, counted from 1; the beginning of the document where there is none."""
    return (node.start_mark.line + 1, node.start_mark.column + 1) if node is not None else (1, 1)


def read_yaml(text: str, origin: str) -> Source:
    """The document and its places; raises `PolicyProblems` when it is not YAML or passes the limits."""
    source = Source(text, origin)
    if len(text) > MAX_CHARACTERS:
        source.report(TOO_LARGE, (), f"at most {MAX_CHARACTERS} characters", str(len(text)))
        raise PolicyProblems(source.problems)
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        raise PolicyProblems([_not_yaml(origin, error)]) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise PolicyProblems([_not_text(origin, text) or Problem(origin, 1, 1, _NOT_YAML, "a YAML document", type(error).__name__)]) from None
    if node is not None:
        source.document = _Construction(source).value(node, ())
    return source


_NOT_YAML, TOO_LARGE = "policy.problem.not_yaml", "policy.problem.too_large"


def _not_text(origin: str, text: str) -> Problem | None:
    """The first control character or half of a sign, which no YAML text may hold."""
    sign = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if sign is None:
        return None
    line, column = text.count("\n", 0, sign.start()) + 1, sign.start() - text.rfind("\n", 0, sign.start())
    return Problem(origin, line, column, _NOT_YAML, "a YAML document", f"a sign that no text has (U+{ord(sign[0]):04X})", "take it out")


#: What people get wrong in YAML, by what the parser says of it, and what to do.
_YAML_HINTS = {
    "tab": "indent with spaces, never with tabs",
    "cannot start any token": "indent with spaces, never with tabs; quote a text that begins with a sign such as @, ` or %",
    "could not find expected ':'": "a key is followed by : and a space; a full-width ： is none",
    "mapping values are not allowed": "quote a text that holds a colon and a space",
    "did not find expected key": "indent entries that belong together alike",
    "block collection": "indent entries that belong together alike",
    "undefined alias": "write the value out, or quote a text that begins with *",
    "unexpected end of stream": "close every quote and bracket",
    "did not find expected ',' or": "close every bracket, and put a comma between its parts",
}


def _not_yaml(origin: str, error: yaml.MarkedYAMLError) -> Problem:
    said = (error.problem or "something else").removeprefix("found ")
    # Of a key without its colon the parser complains where the next one begins.
    mark = error.context_mark if "expected ':'" in said else error.problem_mark
    mark = mark or error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    known = next((hint for words, hint in _YAML_HINTS.items() if words in said), "")
    said = "a key without its colon" if "expected ':'" in said else said
    return Problem(origin, line, column, _NOT_YAML, "a YAML document", said, "; ".join(filter(None, (error.context, known))))


class _Construction:
    """Turns nodes into plain values, noting the place of each."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.loader = _LOADER("")

    def value(self, node: yaml.Node, path: Path) -> Any:
        source = self.source
        source.nodes[path] = node
        if len(path) > MAX_DEPTH or len(source.nodes) > MAX_NODES:
            source.report(TOO_LARGE, path, f"at most {MAX_DEPTH} levels and {MAX_NODES} parts", "more")
            raise PolicyProblems(source.problems)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
        return self.scalar(node, path)

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            twice = (*path, key) in self.source.keys
            self.source.keys[*path, key] = key_node
            if twice:
                self.source.report(TWICE, (*path, key), "each key once", key)
            if key_node.tag == _MERGE:
                self.source.report(UNKNOWN_KEY, (*path, key), "the entries themselves", key, "write out what would be merged")
                continue
            made[key] = self.value(value_node, (*path, key))
        return made

    def scalar(self, node: yaml.Node, path: Path) -> object:
        tag = str(node.tag).removeprefix("tag:yaml.org,2002:")
        if tag == "str":
            return node.value
        try:
            value = self.loader.construct_object(node) if tag in _PLAIN_TAGS else _Refused
        except ValueError:
            value = _Refused
        beyond = (isinstance(value, float) and not math.isfinite(value)) or (isinstance(value, int) and abs(value) > MAX_INTEGER)
        if value is _Refused and tag == "timestamp":
            self.source.report(WRONG_VALUE, path, "a day that is in the calendar, such as 2026-01-31", str(node.value))
            return None
        if value is _Refused or beyond:
            self.source.report(WRONG_VALUE, path, "a text, number, date, true, false or null", str(node.value), "quote it if it is a text")
            return None
        return value


class _Refused:
    """Marks a scalar that is none of the plain kinds."""


def plain(value: Any) -> Any:
    """The document as JSON values: dates and times become ISO 8601 text."""
    if isinstance(value, dict):
        return {key: part if type(part) in _PLAIN else plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [part if type(part) in _PLAIN else plain(part) for part in value]
    return value.isoformat() if isinstance(value, date) else value
