"""From the text of a policy document to a checked `Policy`, or every problem in it.

Main job: `load(text, origin, fact_types)`.

**Source**: docs/architecture.md, "A policy document". Elsewhere: `shapes.py` what a policy is; `documents/source.py` places; `language/parse.py` and
`language/check.py` the expressions; `documents/loader.py` where documents are kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.documents.fields import Fields, kind_of
from baybridge.documents.problems import PolicyProblems
from baybridge.documents.source import Source, plain, read_yaml
from baybridge.policy.document.bodies import BODY_KEYS, SHAPES
from baybridge.policy.document.rules import Rules
from baybridge.policy.document.shapes import Policy, Rule, WorkedCase
from baybridge.policy.language.types import FactType

__all__ = ["Policy", "PolicyProblems", "load", "worked_cases"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")  # ISO 3166-1, or a part of it by 3166-2
_KEYS = frozenset(
    [
        "id",
        "version",
        "shape",
        "title",
        "source",
        "sources",
        "confidence",
        "jurisdiction",
        "in_force_from",
        "in_force_to",
        "notes",
        "define",
        "flags",
        "values",
        "recorded_only",
        "told",
        "asked",
        "presumed",
        "unasked",
        "cases",
    ]
)


def load(text: str, origin: str, fact_types: Mapping[str, FactType]) -> Policy:
    """The policy of a YAML text; raises `PolicyProblems` with all problems, each with file, line, column, expected, found, hint."""
    source = read_yaml(text, origin)
    policy = _policy(source, fact_types) if isinstance(source.document, dict) else None
    if policy is None and not source.problems:
        found = "nothing" if source.document is None else kind_of(source.document)
        source.report("wrong_form", (), "a policy document: a mapping with id, version, shape …", found)
    if source.problems or policy is None:
        raise PolicyProblems(source.problems)
    return policy


def _policy(source: Source, fact_types: Mapping[str, FactType]) -> Policy | None:
    """The policy; None where its shape is unknown, and with it what else may stand in the document."""
    fields = Fields(source, (), source.document)
    shape = fields.choice("shape", tuple(SHAPES))
    if source.document.get("shape") not in SHAPES:
        return None
    fields.refuse_others(_KEYS | BODY_KEYS[shape])
    sources = tuple(dict.fromkeys([*([fields.text("source")] if "source" in fields.value else []), *fields.texts("sources")]))
    if not sources:
        fields.report((), "a source of the policy", "none", "cite the label, guideline, law or plan terms")
    rules = Rules(source, fact_types, sources[0] if sources else "")
    rules.define(fields)
    flags = tuple(_flag(rules, item) for item in fields.items("flags"))
    asked = tuple(_asked(rules, fact_types, item) for item in fields.items("asked"))
    values = tuple(rules.formula(fields.mapping("values"), name) for name in fields.mapping("values").value)
    body = SHAPES[shape](fields, rules)
    _dates_in_order(fields)
    return Policy(
        id=_id(fields),
        version=_version(fields),
        shape=shape,
        title=fields.translations("title"),
        sources=sources,
        confidence=fields.choice("confidence", ("high", "medium", "low"), "medium"),  # type: ignore[arg-type]
        jurisdiction=_jurisdiction(fields),
        in_force_from=fields.day("in_force_from"),
        in_force_to=fields.day("in_force_to"),
        notes=fields.optional_text("notes") or "",
        define=dict(rules.trees),
        flags=flags,
        values=values,
        recorded_only=_read_facts(fields, rules, "recorded_only"),
        told=_told(fields, values),
        asked=asked,
        presumed=_read_facts(fields, rules, "presumed"),
        unasked=_read_facts(fields, rules, "unasked"),
        cases=_cases(fields),
        body=body,
        fact_types={name: fact_types[name] for name in sorted(rules.read) if name in fact_types},
        sha256=_sha256(source),
        origin=source.origin,
        text=source.text,
    )


def _id(fields: Fields) -> str:
    """The identifier, which commands, file names and addresses carry."""
    name = fields.text("id")
    if name and not _ID.fullmatch(name):
        fields.report(("id",), "an id of letters, digits, -, _ and .", name, f"such as {_plain_id(name)}")
    return name


def _plain_id(name: str) -> str:
    return "-".join(re.findall("[a-z0-9]+", name.lower())) or "our-rule-1"


def _jurisdiction(fields: Fields) -> tuple[str, ...]:
    places = fields.texts("jurisdiction")
    for index, place in enumerate(places):
        if not _PLACE.fullmatch(place):
            fields.report(("jurisdiction", index), "a code such as CN, HK, MO or CN-GD", place)
    return places


def _dates_in_order(fields: Fields) -> None:
    begins, ends = (fields.value.get(key) for key in ("in_force_from", "in_force_to"))
    if type(begins) is date and type(ends) is date and ends < begins:
        fields.report(("in_force_to",), f"a last day on or after the first, {begins}", str(ends))


def _version(fields: Fields) -> str:
    version = fields.value.get("version")
    return str(version) if isinstance(version, int | float) and not isinstance(version, bool) else fields.text("version")


def _flag(rules: Rules, item: Fields) -> Rule:
    item.refuse_others({"code", "when", "source", "text"})
    return rules.condition(item, item.text("code"))


def _asked(rules: Rules, fact_types: Mapping[str, FactType], item: Fields) -> Rule:
    item.refuse_others({"fact", "when"})
    name = item.text("fact")
    if name and name not in fact_types:
        item.report(("fact",), "a fact of the dictionary", name, code="unknown_fact")
    return rules.condition(item, name)


def _read_facts(fields: Fields, rules: Rules, key: str) -> tuple[str, ...]:
    names = fields.texts(key)
    for index, name in enumerate(names):
        if name not in rules.read:
            fields.report((key, index), "a fact that this policy reads", name, code="unknown_fact")
    return names


def _told(fields: Fields, values: tuple[Rule, ...]) -> tuple[str, ...]:
    names = fields.texts("told")
    for index, name in enumerate(names):
        if name not in {rule.id for rule in values}:
            fields.report(("told", index), "a value that this policy prints", name, code="wrong_form")
    return names


def _cases(fields: Fields) -> tuple[WorkedCase, ...]:
    found = []
    for item in fields.items("cases"):
        item.refuse_others({"name", "at", "facts", "expect"})
        expect = item.mapping("expect")
        expect.refuse_others({"outcome", "values", "missing", "would_settle", "reasons"})
        if not expect.value:
            item.report((), "what must come out, under expect", "nothing")
        at = plain(item.value.get("at"))
        found.append(WorkedCase(item.text("name"), at, item.mapping("facts").value, plain(expect.value), _places(item)))
    return tuple(found)


_PLACED = (("facts",), ("expect",), ("expect", "values"), ("expect", "reasons"))


def _places(item: Fields) -> dict[str, tuple[int, int]]:
    """Line and column of a worked case (under the empty name) and of what stands in it, by names such as `expect.values.grade`; of keys with a colon."""
    nodes, keys = item.source.nodes, item.source.keys
    found = {"": nodes[item.path], **{name: nodes[*item.path, name] for name in item.value}}
    for group in _PLACED:
        part: Any = item.value
        for name in group:
            part = part.get(name) if isinstance(part, dict) else None
        for name in part if isinstance(part, dict) else ():
            path, dotted = (*item.path, *group, name), ".".join((*group, name))
            found |= {dotted: nodes[path], f"{dotted}:": keys[path]}
    return {name: (node.start_mark.line + 1, node.start_mark.column + 1) for name, node in found.items()}


def worked_cases(text: str, origin: str) -> tuple[WorkedCase, ...]:
    """The worked cases of a document that may be wrong elsewhere; none where it cannot be read at all."""
    try:
        source = read_yaml(text, origin)
    except PolicyProblems:
        return ()
    return _cases(Fields(source, (), source.document)) if isinstance(source.document, dict) else ()


def _sha256(source: Source) -> str:
    """SHA-256 of the canonical JSON of the parsed document, so that layout and comments do not count."""
    try:
        return sha256_hex(canonical_bytes(plain(source.document)))
    except (ValueError, TypeError, OverflowError) as error:
        source.report("wrong_form", (), "values that canonical JSON can carry", str(error))
        return ""
