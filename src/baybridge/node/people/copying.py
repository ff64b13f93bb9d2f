"""A person's copy of all data: files that a program reads, and one page that a person reads and prints.

Main job: `copy(node, patient_id, folder, language, actor)`: the record as a FHIR Bundle as it stands, the events of every case, the decisions with their
reasons, consents among the events, the attachments, who looked, and `copy.html`. What names another person stays out, and is counted. Files are readable by
their owner alone.

**Source**: PIPL article 45, PDPO section 18 and DPP6, Macao Law 8/2005 article 11, as rights of the person.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Connection, select

from baybridge.base.canonical import sha256_hex
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.consent.reading import Ground
from baybridge.facts.fhir import items, mapping
from baybridge.journey.attachments import attached
from baybridge.journey.case import fold
from baybridge.journey.command import Actor
from baybridge.journey.events import Recorded
from baybridge.journey.identities import linked
from baybridge.journey.stored import decode_stored, event_as_json
from baybridge.language.texts import Texts
from baybridge.ledger import streams
from baybridge.node import tables
from baybridge.node.attachments import files
from baybridge.node.attachments.media import ENDINGS
from baybridge.node.people import reads
from baybridge.record.fhir.wire import Json, write
from baybridge.record.store import store
from baybridge.record.store.subjects import subjects

if TYPE_CHECKING:
    from baybridge.node.node import Node


_ATTACHMENT = "attachment-"


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds: its files with size and SHA-256, how much of each kind, and how many resources stayed out because they name others too."""

    patient_id: str
    files: tuple[dict[str, Any], ...]
    counts: Mapping[str, int]
    left_out: int

    def as_json(self) -> dict[str, object]:
        """The answer as plain JSON."""
        return {"patient": self.patient_id, "files": list(self.files), "counts": dict(self.counts), "left_out": self.left_out}


@dataclass(frozen=True, slots=True)
class _Held:
    resources: tuple[Json, ...]
    events: tuple[Recorded, ...]
    decisions: tuple[dict[str, Any], ...]
    looked: tuple[dict[str, Any], ...]
    left_out: int


def copy(node: Node, patient_id: str, folder: Path, language: str, actor: Actor) -> Copied | Refusal:
    """Write the copy into an empty or new folder; the copying stands in the person's own list."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        return refuse(Reason("person.copy.folder_not_empty", where="out"), category=Category.CONFLICT)
    held = _held(node, patient_id)
    if isinstance(held, Refusal):
        return held
    with node.unit() as unit:
        reads.note(unit, actor, patient_id, "", "copy", "own", Ground.OWN)
    contents = _contents(node, held, language)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    files = tuple(_written(folder / name, content) for name, content in contents.items())
    counts = {"resources": len(held.resources), "events": len(held.events), "decisions": len(held.decisions), "readings": len(held.looked)}
    counts |= {"attachments": sum(name.startswith(_ATTACHMENT) for name in contents)}
    return Copied(patient_id, files, counts, held.left_out)


def archive(node: Node, patient_id: str, language: str) -> bytes | Refusal:
    """The same as one file to hand over; who made it is noted by the door."""
    held = _held(node, patient_id)
    if isinstance(held, Refusal):
        return held
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in _contents(node, held, language).items():
            file.writestr(name, content)
    return made.getvalue()


def _held(node: Node, patient_id: str) -> _Held | Refusal:
    with node.storage.reading() as connection:
        if store.get(connection, "Patient", patient_id) is None and not reads.cases_of(connection, patient_id):
            return refuse(Reason("person.unknown", where="patient"), category=Category.NOT_FOUND)
        return _gather(connection, patient_id, named=node.people.who_looked.staff_names)


def _contents(node: Node, held: _Held, language: str) -> dict[str, bytes]:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in held.resources]}
    return {
        "record.json": write(bundle),
        "events.json": orjson.dumps([_event(node, item) for item in held.events], option=orjson.OPT_INDENT_2),
        "decisions.json": orjson.dumps(held.decisions, option=orjson.OPT_INDENT_2),
        "who-looked.json": orjson.dumps(held.looked, option=orjson.OPT_INDENT_2),
        "copy.html": _page(node, held, language).encode(),
        **_attachments(node, held),
    }


def _gather(connection: Connection, patient_id: str, *, named: bool) -> _Held:
    case_ids = reads.cases_of(connection, patient_id)
    events = tuple(decode_stored(one) for case_id in case_ids for one in streams.read(connection, case_id))
    people = {patient_id, *(other for case_id in case_ids for other in linked(reads.fold_case(connection, case_id)))}
    versions = [one for person in sorted(people) for one in store.patient_versions(connection, person)]
    own = [version for version, held in zip(versions, subjects(connection, versions), strict=True) if held <= people]
    rows = connection.execute(select(tables.decision.c.document).where(tables.decision.c.case_id.in_(case_ids)).order_by(tables.decision.c.made_at)).scalars()
    looked = {one.read_id: _with_staff(asdict(one), named=named) for case_id in (*case_ids, "") for one in reads.looked(connection, patient_id, case_id or "-")}
    unique = {version.reference: version.resource for version in own}
    return _Held(tuple(unique.values()), events, tuple(orjson.loads(row) for row in rows if row), tuple(looked.values()), len(versions) - len(own))


def _attachments(node: Node, held: _Held) -> dict[str, bytes]:
    """What was attached to the person's cases and may be opened, each under its id; what was struck through belongs to somebody else."""
    found = {}
    for case_id in dict.fromkeys(item.case_id for item in held.events):
        for one in attached(fold((item for item in held.events if item.case_id == case_id), case_id)):
            content = files.found(node.config.folder, case_id, one.entry.event.sha256) if one.state == "clean" else None
            if content is not None:
                found[f"{_ATTACHMENT}{one.id}{ENDINGS[one.entry.event.media_type]}"] = content
    return found


def _event(node: Node, item: Recorded) -> dict[str, object]:
    said = {"event_id": item.event_id, "case": item.case_id, "at": item.at.isoformat(), "organisation": item.organisation, "role": item.role}
    return {**said, "event": _with_staff(event_as_json(item.event), named=node.people.who_looked.staff_names)}


def _with_staff(value: Any, *, named: bool) -> Any:
    """A value without accounts and persons of staff, which are named to a patient only where the site's document says so; role and organisation stay."""
    if named:
        return value
    if isinstance(value, Mapping):
        return {key: _with_staff(part, named=named) for key, part in value.items() if key not in _STAFF}
    return [_with_staff(part, named=named) for part in value] if isinstance(value, list | tuple) else value


_STAFF = frozenset({"account", "person"})


def _written(path: Path, content: bytes) -> dict[str, object]:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return {"path": path.name, "bytes": len(content), "sha256": sha256_hex(content)}


# --- paper ----------------------------------------------------------------------------------------------------------


def _page(node: Node, held: _Held, language: str) -> str:
    """One page to print: what was written, when, and who looked; every value as it stands in the files."""
    texts = Texts(node.documents)

    def say(key: str, values: Mapping[str, object] | None = None) -> str:
        return escape(texts.say(language, key, dict(values or {})))

    sections = [
        (say("person.copy.record"), [(_when(one), one["resourceType"], _said(one)) for one in held.resources]),
        (say("person.copy.events"), [(item.at.isoformat(timespec="minutes"), say(f"event.{event_as_json(item.event)['type']}"), "") for item in held.events]),
        (say("person.copy.decisions"), [(str(one.get("as_of") or ""), str(one.get("policy", "")), str(one.get("outcome", ""))) for one in held.decisions]),
        (say("person.copy.looked"), [(one["at"], one["organisation"], f"{say('role.' + one['role'])}, {one['purpose']}") for one in held.looked]),
    ]
    title = say("person.copy.title", {"organisation": node.site.organisation})
    style = "body{font:11pt sans-serif;margin:2cm}table{border-collapse:collapse;width:100%}td{border:1px solid #999;padding:2pt 4pt;vertical-align:top}"
    body = "".join(f"<h2>{heading}</h2><table>{''.join(_rows(rows))}</table>" for heading, rows in sections)
    return f'<!doctype html><html lang="{escape(language)}"><meta charset="utf-8"><title>{title}</title><style>{style}</style><h1>{title}</h1>{body}</html>'


def _rows(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    for row in rows:
        yield "<tr>" + "".join(f"<td>{cell if place == 1 else escape(cell)}</td>" for place, cell in enumerate(row)) + "</tr>"


def _when(resource: Mapping[str, object]) -> str:
    found = next((resource[name] for name in ("effectiveDateTime", "onsetDateTime", "authoredOn", "date", "birthDate") if resource.get(name)), "")
    return str(found)


def _said(resource: Mapping[str, object]) -> str:
    """Code and value of a resource, as far as one line says them; the file says the rest."""
    code = mapping(resource.get("code") or resource.get("medicationCodeableConcept"))
    named = code.get("text") or next((one.get("display") or one.get("code") for one in items(code.get("coding"))), "")
    quantity = mapping(resource.get("valueQuantity"))
    value = f"{quantity.get('value', '')} {quantity.get('unit') or quantity.get('code') or ''}".strip()
    other = next((str(resource[name]) for name in ("valueInteger", "valueString", "valueBoolean", "valueDateTime") if name in resource), "")
    coded = next((str(one.get("display") or one.get("code") or "") for one in items(mapping(resource.get("valueCodeableConcept")).get("coding"))), "")
    return " ".join(filter(None, (str(named or ""), value, other, coded, str(resource.get("status", "")))))
