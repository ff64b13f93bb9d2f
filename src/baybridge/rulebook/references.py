"""What a site's documents name of each other: a product its specification, a region its languages, a step of the pathway its commands, a fact its unit.

Main job: `broken_references(documents, site, commands)`, each name below a site's folder that nothing bears, at its file, line and field.

Elsewhere: the form of a document in `documents/checking.py`; what plans of money name in `funding/plans/checking.py`; facts that a rule names in the policy's own check.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from baybridge.documents.document_set import STANDARD
from baybridge.documents.loader import Documents, files, read_text
from baybridge.documents.pathway import Pathway
from baybridge.documents.problems import Problem, did_you_mean
from baybridge.documents.source import read_yaml
from baybridge.facts.ucum import is_unit
from baybridge.journey.conditions import CONDITIONS
from baybridge.journey.events import EVENT_TYPES

UNKNOWN_REFERENCE, UNKNOWN_UNIT = "document.problem.unknown_reference", "document.problem.unknown_unit"
#: Folder, the document of it where only one has the field, the field, and the folder whose documents it names; `*` is any entry.
_NAMED: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("products", "", ("specification",), "policies"),
    ("products", "", ("labels", "*", "policy"), "policies"),
    ("products", "", ("status", "*", "indications", "*", "policy"), "policies"),
    ("pathways", "cold-chain", ("fitness", "*"), "policies"),
    ("timing", "recovery", ("policy",), "policies"),
    ("directory", "organisations", ("organisations", "*", "offers", "*", "product"), "products"),
    ("trials", "published-response", ("rows", "*", "product"), "products"),
    ("regions", "", ("languages", "*"), "languages"),
)
Step = str | int
#: A part of a document that names nothing: where it stands, what was expected and found, a hint, and the code of the problem.
Broken = tuple[tuple[Step, ...], str, str, str, str]


def broken_references(documents: Documents, site: Path, commands: Collection[str], wrong: Collection[Path] = ()) -> Iterator[Problem]:
    """Every name that nothing bears, and every unit of a fact that UCUM does not have, in the files of a site; `commands` are those that a node knows.

    Files that are `wrong` already are left out, and so are names of documents of their folders, since such a file may bear them.
    """
    unsure = frozenset(file.relative_to(site).parts[0] for file in wrong if file.is_relative_to(site))
    for folder in sorted({row[0] for row in _NAMED} | {"facts"}):
        for file in (one for one in files(site / folder) if one not in wrong):
            source = read_yaml(read_text(file), str(file))
            if not isinstance(source.document, Mapping):
                continue
            for path, expected, found, hint, code in _against(documents, folder, source.document, commands, unsure):
                yield source.problem(code, path, expected, found, hint)


def _against(documents: Documents, folder: str, document: Mapping[str, object], commands: Collection[str], unsure: Collection[str]) -> Iterator[Broken]:
    if folder == "facts":
        yield from _units(document)
    if folder == "pathways" and "pathways" not in unsure and document.get("id") == STANDARD:
        yield from _of_steps(documents.typed.pathway, document, commands)
    for at, only, field, target in _NAMED:
        if at != folder or target in unsure or only not in ("", document.get("id")):
            continue
        known = documents.folder(target)
        for path, name in found_in(document, field, ()):
            yield from _unknown(path, name, f"the id of a document of {target}", known)


def _unknown(path: tuple[Step, ...], name: object, expected: str, known: Collection[str]) -> Iterator[Broken]:
    if isinstance(name, str) and name not in known:
        yield path, expected, name, did_you_mean(name, known), UNKNOWN_REFERENCE


def _of_steps(pathway: Pathway, document: Mapping[str, object], commands: Collection[str]) -> Iterator[Broken]:
    """What the steps of a pathway name: commands, other steps, conditions, events."""
    steps = {one.step for one in (*pathway.steps, *pathway.after_death)}
    fields: tuple[tuple[tuple[str, ...], str, Collection[str]], ...] = (
        (("commands", "*"), "the name of a command", commands),
        (("after", "*"), "the name of a step of this pathway", steps),
        (("ended_by", "*"), "the name of a step of this pathway", steps),
        (("only_if", "*"), "the name of a condition", CONDITIONS),
        (("done_by", "*", "event"), "the name of an event", EVENT_TYPES),
    )
    for part in ("steps", "after_death"):
        for field, expected, known in fields:
            for path, name in found_in(document, (part, "*", *field), ()):
                yield from _unknown(path, name, expected, known)


def _units(facts: Mapping[str, object]) -> Iterator[Broken]:
    for name, fact in facts.items():
        unit = fact.get("unit") if isinstance(fact, Mapping) else None
        if isinstance(unit, str) and not is_unit(unit):
            yield (name, "unit"), "a unit of UCUM, such as mg/dL", unit, _unit_hint(unit), UNKNOWN_UNIT


def _unit_hint(unit: str) -> str:
    near: Collection[str] = ("mg/dL", "umol/L", "mmol/L", "g/L", "10*9/L", "U/L", "Cel", "mm[Hg]", "kg", "%")
    return did_you_mean(unit, near)


def found_in(part: object, field: tuple[str, ...], path: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], object]]:
    """What stands at a field of a document, for every entry that it runs through (`*`) or for each key there (`@`)."""
    if not field:
        yield path, part
        return
    if field[0] == "@":
        yield from (((*path, key), key) for key in (part if isinstance(part, Mapping) else ()))
        return
    if field[0] != "*":
        if isinstance(part, Mapping) and field[0] in part:
            yield from found_in(part[field[0]], field[1:], (*path, field[0]))
        return
    entries: Iterator[tuple[Step, object]] = iter(part.items()) if isinstance(part, Mapping) else enumerate(part) if isinstance(part, list) else iter(())
    for key, value in entries:
        yield from found_in(value, field[1:], (*path, key))
