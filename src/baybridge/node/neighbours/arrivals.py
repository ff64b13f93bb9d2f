"""Arrivals: whether a package of another node may be filed, with every reason against.

Main job: `against(node, unit, content)`. A neighbour's signature says who speaks, not that what is said is theirs to say: form, times, the check that the sender made,
each resource and whose it is, each event and whose word it is, and whether the sender has a part in the case.

**Source**: the rows of the events, `data/telling/told.yaml` and `whose.yaml`; purpose profiles (data law reference B3). Elsewhere: seals and signatures in
`package.py`, who may tell what in `exchange/transfer/whose.py`, cases that are not known here in `proposals.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select

from baybridge.base import decoding
from baybridge.base.outcome import Reason
from baybridge.base.time import parse_instant
from baybridge.documents.contracts import Contracts
from baybridge.documents.exchange import Profiles, SpecialContent
from baybridge.documents.telling import Whose
from baybridge.exchange.transfer import again, cells_told, signatures, whose
from baybridge.exchange.transfer.check import ALLOW, CHECK_POLICY_ID, CONDITIONS, rules_of
from baybridge.exchange.transfer.content import SIGNED, tagged
from baybridge.journey.case import Case, fold
from baybridge.journey.custody import ONE_CHAIN
from baybridge.journey.entry import read_event
from baybridge.journey.events import EVENT_TYPES, PackageReceived, Recorded, Told
from baybridge.journey.fhir.writer import PROJECTION
from baybridge.journey.held import Stage
from baybridge.journey.labels import labels_in
from baybridge.journey.proposals import proposal_of
from baybridge.ledger import streams
from baybridge.node import tables
from baybridge.node.neighbours import case_messages, packing, telling
from baybridge.node.neighbours import package as packages
from baybridge.node.upkeep import labels
from baybridge.policy.language.types import Value
from baybridge.policy.one_case.decide import Decision, decide
from baybridge.record.fhir.definitions import resource_types
from baybridge.record.fhir.references import named_in, patient_of
from baybridge.record.fhir.validate import errors, validate
from baybridge.record.fhir.wire import taken_in
from baybridge.record.identity.known import is_another, known_states
from baybridge.record.store import store
from baybridge.record.store.tables import resource_current

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_WORD = re.compile(r"[A-Za-z0-9_\-.]{0,64}")
_PATIENT = re.compile(r"(?:^|/)Patient/([^/?#]+)")
_SHA256 = re.compile(r"[0-9a-f]{64}|")
_FIRST_YEAR, _LAST_YEAR = 1900, 2200  # of anything that happens to a person who is treated today
_MOST = 20  # reasons of one kind that are told


def against(node: Node, unit: Unit, content: packages.Content) -> list[Reason]:
    """Every reason against filing a package; faults of form end the search, because whose something is cannot be asked of what cannot be read."""
    rules = node.documents.typed.the(Whose)
    if any(not isinstance(item.get("event"), dict) or not isinstance(item["event"].get("type"), str) for item in content.told):
        return [_bad("told")]
    rows = packing.rules_of_telling(node.documents)
    reasons = [*_form(unit, content, rules, rows), *_beyond(content, rows), *_told_form(node, unit, content, rules, rows)]
    if reasons:
        return reasons[:_MOST]
    told = [decoding.convert(item, Told) for item in content.told]
    before = unit.events(content.case_id)
    known, both = fold(before), fold([*before, _as_received(node, unit, content, told)])
    reasons = [*_case(node, unit, known, content, rules), *_within_purpose(node, content), *_resources(unit, content, known, told)]
    reasons += case_messages.against(node, content, known, told)
    reasons += [*_events(node, unit, content, before, told, known, both), *_checked(node, content, both, rules, rows)]
    return reasons[:_MOST]


# --- form -----------------------------------------------------------------------------------------------------------


def _form(unit: Unit, content: packages.Content, rules: Whose, telling_rules: packing.TellingRules) -> Iterator[Reason]:
    if content.kind not in packages.KINDS:
        yield Reason("federation.unknown_kind", {"found": content.kind[:20], "known": ", ".join(packages.KINDS)})
    for name in ("package_id", "case_id"):
        if not _ID.fullmatch(getattr(content, name)):
            yield _bad(name)
    if content.patient_id and not _ID.fullmatch(content.patient_id):
        yield _bad("patient_id")
    if not all(_WORD.fullmatch(text) for text in (content.route, content.purpose, *content.codes)):
        yield _bad("purpose, route, codes")
    if content.purpose not in telling_rules.purposes:
        known = ", ".join(sorted(telling_rules.purposes))
        yield Reason("federation.unknown_purpose", {"known": known}, where="purpose")
    if not _when(content.sent_at, unit.at, rules):
        yield Reason("federation.bad_time", {"part": "sent_at"}, where="sent_at")
    for name in ("corrected", "gone"):
        if not all(_is_name(one) for one in getattr(content, name)):
            yield _bad(name)
    yield from _decided(content)


def _bad(where: str) -> Reason:
    return Reason("federation.bad_form", {"part": where}, where=where)


def _is_name(text: str) -> bool:
    kind, _slash, logical_id = text.partition("/")
    return kind in resource_types() and _ID.fullmatch(logical_id) is not None


def _when(text: str | datetime, now: datetime, rules: Whose) -> bool:
    """Whether a time has an offset and does not lie ahead of us."""
    try:
        moment = parse_instant(text) if isinstance(text, str) else text
        return moment.tzinfo is not None and moment.year >= _FIRST_YEAR and moment - now <= timedelta(minutes=rules.clock_ahead_min)
    except (ValueError, OverflowError):
        return False


def _decided(content: packages.Content) -> Iterator[Reason]:
    """Resources go with the sender's check of this very transfer; without one nothing goes."""
    if not content.decision:
        if content.resources:
            yield Reason("federation.no_decision", where="decision")
        return
    names = []
    for text in content.resources:
        resource = _read(text)
        if isinstance(resource, dict):
            names.append(f"{resource.get('resourceType')}/{resource.get('id')}")
    said = content.decision
    mine = {
        "policy": (said.get("policy"), CHECK_POLICY_ID),
        "subject": (said.get("subject"), content.case_id),
        "kept": (said.get("kept"), sorted(names)),
        "route": (said.get("route") or "", content.route),
        "codes": (said.get("codes"), list(content.codes)),
        "purpose": (_asked(said, "transfer", "purpose"), content.purpose),
        "receiver": (_asked(said, "importer", "name"), content.to_node),
    }
    differing = [name for name, (found, expected) in mine.items() if found != expected]
    differing += [] if said.get("reasons") else ["reasons"]
    if differing or said.get("outcome") not in (ALLOW, CONDITIONS):
        yield Reason("federation.other_decision", {"parts": ", ".join(differing or ["outcome"])}, where="decision")


def _asked(decision: Mapping[str, object], *path: str) -> object:
    """A value of the request that a decision answers."""
    found = decision.get("request")
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _checked(node: Node, content: packages.Content, both: Case, rules: Whose, telling_rules: packing.TellingRules) -> Iterator[Reason]:
    """The sender's check, made again by our documents as of its own day."""
    if not content.decision:
        return
    documents, sent_at = node.documents.typed, parse_instant(content.sent_at)

    def decided(policy_id: str, facts: Mapping[str, Value]) -> Decision:
        return decide(node.policies.get(policy_id, sent_at), facts)

    arrival = again.Arrival(
        sender=node.neighbours[content.from_node].site,
        here=node.site,
        sent_at=sent_at,
        resources=[resource for text in content.resources if isinstance(resource := _read(text), dict)],
        case=both,
        told=telling_rules.purposes[content.purpose],
        contracts=documents.one(Contracts, "directory", "contracts").contracts,
        content=documents.one(SpecialContent, "exchange", "content"),
        clock=timedelta(minutes=rules.clock_ahead_min),
    )
    yield from again.against(content.decision, content.decision.get("request"), arrival, rules_of(decided, documents))


def _read(text: str) -> object:
    """A resource of a package; nothing where it cannot be read, which is told with the resources."""
    try:
        return taken_in(text.encode())
    except ValueError:
        return None


def _beyond(content: packages.Content, telling_rules: packing.TellingRules) -> Iterator[Reason]:
    for kind in telling.told_beyond(content, telling_rules.purposes):
        yield Reason("federation.told_beyond_purpose", {"event": kind[:40], "purpose": content.purpose})


def _told_form(
    node: Node, unit: Unit, content: packages.Content, rules: Whose, telling_rules: packing.TellingRules
) -> Iterator[Reason]:
    sites = {name: neighbour.site for name, neighbour in node.neighbours.items()} | {node.site.node: node.site}
    seen: dict[str, dict[str, Any]] = {}
    for place, item in enumerate(content.told):
        where = f"told[{place}]"
        try:
            told = decoding.convert(item, Told)
        except msgspec.ValidationError:
            yield Reason("federation.bad_form", {"part": where}, where=where)
            continue
        kind = str(told.event["type"])
        sha256 = told.event.get("decision_sha256", "")
        fits = _ID.fullmatch(told.event_id) and _WORD.fullmatch(told.node) and seen.get(told.event_id, item) == item  # a node of before may tell it twice
        if not fits or (kind in EVENT_TYPES and not _is_event(told.event)) or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            yield Reason("federation.bad_form", {"part": where}, where=where)
        if not _when(told.at, unit.at, rules) or not _when(told.recorded_at, unit.at, rules):
            yield Reason("federation.bad_time", {"part": where}, where=where)
        seen[told.event_id] = item
        needed = next((kind_of_node for kind_of_node, kinds in telling_rules.only_from.items() if kind in kinds), None)
        if needed and (told.node not in sites or needed not in sites[told.node].kinds):
            yield Reason("federation.told_by_wrong_kind", {"event": kind[:40], "node": told.node, "kind": needed})


def _is_event(plain: dict[str, object]) -> bool:
    """Whether this is an event of its type, with days and times of our age."""
    event = read_event(plain)
    values = [getattr(event, name) for name in event.__struct_fields__] if event is not None else []
    return event is not None and all(_FIRST_YEAR <= value.year <= _LAST_YEAR for value in values if isinstance(value, date))


# --- the case -------------------------------------------------------------------------------------------------------


def _case(node: Node, unit: Unit, known: Case, content: packages.Content, rules: Whose) -> Iterator[Reason]:
    proposed, most = _open_proposals(unit, content.from_node), rules.most_proposed
    if not known.entries:
        if content.kind != packages.TRANSFER:
            yield Reason("federation.no_case")
        elif proposed >= most:
            yield Reason("federation.too_many_proposed", {"node": content.from_node, "most": most})
        return
    sites = {name: neighbour.site for name, neighbour in node.neighbours.items()}
    if not whose.has_part(known, content.from_node, node.site.node, sites) and not _proposed_by(known, content.from_node):
        yield Reason("federation.no_part", {"node": content.from_node})
    if known.opened is not None and known.synthetic != content.synthetic and (content.resources or content.patient_id):
        yield Reason("federation.other_person", where="synthetic")


def _open_proposals(unit: Unit, node: str) -> int:
    """How many cases of a node wait for a person here."""
    index = tables.case_index
    names = unit.connection.execute(select(index.c.case_id).where(index.c.stage == Stage.PROPOSED.value)).scalars().all()
    proposals = (proposal_of(unit.case(name)) for name in names)
    return sum(proposal is not None and proposal.from_node == node for proposal in proposals)


def _proposed_by(known: Case, node: str) -> bool:
    proposal = proposal_of(known)
    return proposal is not None and proposal.from_node == node


# --- resources ------------------------------------------------------------------------------------------------------


def _within_purpose(node: Node, content: packages.Content) -> Iterator[Reason]:
    """Nothing comes that the purpose does not need, whatever the sender's own check let go."""
    profile = node.documents.typed.the(Profiles).purposes.get(content.purpose)
    kinds = {name.partition("/")[0] for name in content.decision.get("kept") or ()}
    if kinds - set(profile.types if profile else ()):
        yield Reason("exchange.code.DT-020", {"code": "DT-020", "node": content.from_node}, where="resources")


def _resources(unit: Unit, content: packages.Content, known: Case, told: Sequence[Told]) -> Iterator[Reason]:
    """Each resource is sound FHIR, nobody's or this case's patient's, and not one that another source or another person has here."""
    patients = {known.patient_id or "", content.patient_id, *(str(item.event.get("patient_id", "")) for item in told)} - {""}
    checked: dict[str, bool] = {}
    if len(patients) > 1:
        yield Reason("federation.other_person", where="patient_id")
    read = list(map(_read, content.resources))
    held = store.get_many(unit.connection, sorted({_key(one) for one in read if isinstance(one, dict) and _ID.fullmatch(str(one.get("id", "")))}))
    for place, resource in enumerate(read):
        where = f"resources[{place}]"
        if not isinstance(resource, dict):
            yield Reason("federation.bad_resource", {"place": place, "path": "$"}, where=where)
            continue
        problems = errors(validate(resource))
        if problems or not _ID.fullmatch(str(resource.get("id", ""))):
            yield Reason("federation.bad_resource", {"place": place, "path": problems[0].path if problems else "id"}, where=where)
            continue
        if any(tag.get("system") == PROJECTION for tag in (resource.get("meta") or {}).get("tag") or ()):
            yield Reason("federation.projection", {"place": place}, where=where)
        yield from _whose_resource(unit, content, known, resource, place, checked, held.get(_key(resource)))
    for patient in patients:
        if not _may_be(unit, content, known, patient, checked):
            yield Reason("federation.other_person", where="patient_id")


def _key(resource: dict[str, object]) -> store.Key:
    return str(resource.get("resourceType", "")), str(resource.get("id", ""))


def _whose_resource(
    unit: Unit, content: packages.Content, known: Case, resource: dict[str, object], place: int, checked: dict[str, bool], existing: store.Version | None
) -> Iterator[Reason]:
    patient = patient_of(resource)
    named = {found[1] for text in named_in(resource) if (found := _PATIENT.search(text))}
    if (existing is not None and existing.patient != patient and not existing.deleted) or (patient and not _may_be(unit, content, known, patient, checked)) or (
        named - {patient, known.patient_id, content.patient_id}
    ):
        yield Reason("federation.resource_of_another", {"place": place}, where=f"resources[{place}]")
    elif existing is not None and not existing.deleted and resource["resourceType"] == "Patient" and is_another(resource, _known(unit, existing)):
        yield Reason("federation.person_changed", {"place": place}, where=f"resources[{place}]")


def _known(unit: Unit, existing: store.Version) -> list[dict[str, object]]:
    """What was ever known of a person under an id."""
    return known_states(store.lasting_versions(store.history(unit.connection, existing.type, existing.id)))


def _may_be(unit: Unit, content: packages.Content, known: Case, patient: str, checked: dict[str, bool]) -> bool:
    """Whether a patient may be this case's: it is, or nobody of that name is here, or what is here came from this sender and belongs to no case of ours."""
    if patient not in checked:
        checked[patient] = patient == known.patient_id or _free(unit, content, patient)
    return checked[patient]


def _free(unit: Unit, content: packages.Content, patient: str) -> bool:
    index = tables.case_index
    cases = unit.connection.execute(select(index.c.case_id).where(index.c.patient_id == patient, index.c.case_id != content.case_id)).scalars().all()
    if any(unit.case(case_id).owner_node != content.from_node for case_id in cases):
        return False
    current = resource_current
    held = unit.connection.execute(select(current.c.type, current.c.id).where(current.c.patient == patient, current.c.deleted.is_(False)).limit(1)).first()
    version = store.get(unit.connection, *held) if held is not None else None
    return version is None or content.from_node in tagged(version.resource, SIGNED)


# --- events ---------------------------------------------------------------------------------------------------------


def _events(node: Node, unit: Unit, content: packages.Content, before: Sequence[Recorded], told: Sequence[Told], known: Case, both: Case) -> Iterator[Reason]:
    telling_rules = packing.rules_of_telling(node.documents)
    sites = {name: neighbour.site for name, neighbour in node.neighbours.items()}
    keys = {name: neighbour.signing_keys for name, neighbour in node.neighbours.items()}
    parties = whose.Parties(node.site.node, content.from_node, sites, lambda item: packages.attested(content.case_id, item, keys.get(item.node, ())))
    for item in told:
        elsewhere = streams.case_of(unit.connection, item.event_id)
        if elsewhere not in (None, content.case_id):
            yield Reason("federation.not_our_word", {"event": str(item.event["type"])[:40], "node": item.node})
    rules = node.documents.typed.the(Whose)
    yield from _labels(unit, content, known, both)
    yield from whose.against(known, both, before, told, rules, parties)
    yield from signatures.against(known, both, told, telling_rules.signed)
    yield from cells_told.against(known, both, told, content.from_node, unit.at + timedelta(minutes=rules.clock_ahead_min))
    opened = known.opened or both.opened
    if opened is not None and parse_instant(content.sent_at) + timedelta(minutes=rules.clock_ahead_min) < opened.origin.at:
        yield Reason("federation.bad_time", {"part": "sent_at"}, where="sent_at")


def _labels(unit: Unit, content: packages.Content, now: Case, both: Case) -> Iterator[Reason]:
    """Bags, batches and chains of identity that would come to stand in this case are those of no other."""
    taken = labels.elsewhere(unit.connection, content.case_id, labels_in(both) - labels_in(now))
    if taken:
        yield Reason("federation.label_of_another_case", {"labels": ", ".join(sorted(label.text for label in taken))}, source=ONE_CHAIN)


def _as_received(node: Node, unit: Unit, content: packages.Content, told: Sequence[Told]) -> Recorded:
    """The envelope that a package would have, to see the case as it would stand."""
    event = PackageReceived(
        package_id=content.package_id, from_node=content.from_node, purpose=content.purpose, route=content.route, content_sha256="", resources=0, told=tuple(told)
    )
    return Recorded(
        event_id="", case_id=content.case_id, sequence=0, at=unit.at, recorded_at=unit.at, node=node.site.node, organisation="", actor="", role="", event=event
    )
