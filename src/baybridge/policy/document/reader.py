"""From the text of a policy document to a checked `Policy`, or every problem in it.

Main job: `load(text, origin, fact_types)`.

**Source**: docs/architecture.md, "A policy document". Elsewhere: `shapes.py` what a policy is; `documents/source.py` places; `language/parse.py` and
`language/check.py` the expressions; `documents/loader.py` where documents are kept.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.documents.problems import MISSING, PolicyProblems, kind_of
from baybridge.documents.reading import fits, read_on
from baybridge.documents.source import Path, Source, plain, read_yaml
from baybridge.documents.types import one_of
from baybridge.policy.document.bodies import body_of
from baybridge.policy.document.forms import FORMS, Asked, Written, WrittenCase
from baybridge.policy.document.rules import UNKNOWN_FACT, WRONG_FORM, Rules, by_language
from baybridge.policy.document.shapes import Policy, Rule, WorkedCase
from baybridge.policy.language.types import FactType

__all__ = ["Policy", "PolicyProblems", "load", "worked_cases"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def load(text: str, origin: str, fact_types: Mapping[str, FactType]) -> Policy:
    """The policy of a YAML text; raises `PolicyProblems` with all problems, each with file, line, column, expected, found, hint."""
    source = read_yaml(text, origin)
    policy = _policy(source, fact_types) if isinstance(source.document, dict) else None
    if policy is None and not source.problems:
        found = "nothing" if source.document is None else kind_of(source.document)
        source.report(WRONG_FORM, (), "a policy document: a mapping with id, version, shape …", found)
    if source.problems or policy is None:
        raise PolicyProblems(source.problems)
    return policy


class _Shaped(Struct, frozen=True):
    """A document as far as its shape, which says what else may stand in it."""

    shape: one_of(*FORMS)  # type: ignore[valid-type]


def _policy(source: Source, fact_types: Mapping[str, FactType]) -> Policy | None:
    """The policy; None where its shape is unknown, and with it what else may stand in the document."""
    if not fits(_Shaped, source.document, source.report):
        return None
    shape = str(source.document["shape"])
    written = read_on(FORMS[shape], source.document, source.report)
    sources = tuple(dict.fromkeys((*filter(None, (written.source,)), *written.sources)))
    if not sources:
        source.report(MISSING, (), "a source of the policy", "none", "cite the label, guideline, law or plan terms")
    rules = Rules(source, fact_types, sources[0] if sources else "")
    rules.define(written.define)
    flags = tuple(rules.condition(flag, flag.when, ("flags", number), flag.code) for number, flag in enumerate(written.flags))
    asked = tuple(_asked(rules, asked, number) for number, asked in enumerate(written.asked))
    values = tuple(rules.formula(name, text) for name, text in written.values.items())
    body = body_of(written, rules)
    _check_head(source, written)
    for key in ("recorded_only", "presumed", "unasked"):
        _named(source, key, getattr(written, key), rules.read, "a fact that this policy reads", UNKNOWN_FACT)
    _named(source, "told", written.told, {rule.id for rule in values}, "a value that this policy prints", WRONG_FORM)
    return Policy(
        id=written.id,
        version=str(written.version),
        shape=shape,
        title=by_language(written.title),
        sources=sources,
        confidence=written.confidence,
        jurisdiction=written.jurisdiction,
        in_force_from=written.in_force_from,
        in_force_to=written.in_force_to,
        notes=written.notes or "",
        define=dict(rules.trees),
        flags=flags,
        values=values,
        recorded_only=written.recorded_only,
        told=written.told,
        asked=asked,
        presumed=written.presumed,
        unasked=written.unasked,
        cases=_cases(source, written.cases),
        body=body,
        fact_types={name: fact_types[name] for name in sorted(rules.read) if name in fact_types},
        sha256=_sha256(source),
        origin=source.origin,
        text=source.text,
    )


def _check_head(source: Source, written: Written) -> None:
    """The identifier, which commands, file names and addresses carry, and the days of force."""
    if written.id and not _ID.fullmatch(written.id):
        source.report(WRONG_FORM, ("id",), "an id of letters, digits, -, _ and .", written.id, f"such as {_plain_id(written.id)}")
    begins, ends = written.in_force_from, written.in_force_to
    if begins and ends and ends < begins:
        source.report(WRONG_FORM, ("in_force_to",), f"a last day on or after the first, {begins}", str(ends))


def _plain_id(name: str) -> str:
    return "-".join(re.findall("[a-z0-9]+", name.lower())) or "our-rule-1"


def _asked(rules: Rules, asked: Asked, number: int) -> Rule:
    if asked.fact and asked.fact not in rules.checker.fact_types:
        rules.source.report(UNKNOWN_FACT, ("asked", number, "fact"), "a fact of the dictionary", asked.fact)
    return rules.condition(asked, asked.when, ("asked", number), asked.fact)


def _named(source: Source, key: str, names: Sequence[str], known: Collection[str], expected: str, code: str) -> None:
    for number, name in enumerate(names):
        if name and name not in known:
            source.report(code, (key, number), expected, name)


def _cases(source: Source, cases: Sequence[WrittenCase]) -> tuple[WorkedCase, ...]:
    found = []
    for number, case in enumerate(cases):
        path = ("cases", number)
        if not case.expect:
            source.report(MISSING, path, "what must come out, under expect", "nothing")
        found.append(WorkedCase(case.name, plain(case.at), case.facts, plain(case.expect), _places(source, path)))
    return tuple(found)


_PLACED: tuple[tuple[str, ...], ...] = ((), ("facts",), ("expect",), ("expect", "values"), ("expect", "reasons"))


def _places(source: Source, path: Path) -> dict[str, tuple[int, int]]:
    """Line and column of a worked case (under the empty name) and of what stands in it, by names such as `expect.values.grade`; of keys with a colon."""
    found = {"": source.place(path)}
    for group in _PLACED:
        for name, value, key in source.places((*path, *group)):
            dotted = ".".join((*group, name))
            found[dotted], found[f"{dotted}:"] = value, key
    return found


class _WithCases(Struct, frozen=True):
    """A document as far as its worked cases."""

    cases: tuple[WrittenCase, ...] = ()


def worked_cases(text: str, origin: str) -> tuple[WorkedCase, ...]:
    """The worked cases of a document that may be wrong elsewhere; none where it cannot be read at all."""
    try:
        source = read_yaml(text, origin)
    except PolicyProblems:
        return ()
    return _cases(source, read_on(_WithCases, source.document, source.report).cases) if isinstance(source.document, dict) else ()


def _sha256(source: Source) -> str:
    """SHA-256 of the canonical JSON of the parsed document, so that layout and comments do not count."""
    try:
        return sha256_hex(canonical_bytes(plain(source.document)))
    except (ValueError, TypeError, OverflowError) as error:
        source.report(WRONG_FORM, (), "values that canonical JSON can carry", str(error))
        return ""
