"""Which of two messages about one result is newer, and what a withdrawn report takes back.

Main job: `in_order(connection, batch)` brings the resources of a laboratory's messages in the order in which they were sent, so that an old message
that comes late, or once more, never undoes a correction; and takes back the results of a report that was withdrawn as a whole.

**Source**: HL7 v2.5.1, 7.4.1.25 (OBR-25) and 7.4.2.11 (OBX-11); order by MSH-7 (`feeds/hl7v2_fhir.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from baybridge.record.feeds.hl7v2_fhir import REPEATED, SENT_AT
from baybridge.record.fhir.wire import content_sha256
from baybridge.record.identity.known import OF_A_MESSAGE, WHO, kept
from baybridge.record.store.store import Key, Version, get_many, history

if TYPE_CHECKING:
    from baybridge.record.intake.importing import Batch
    from baybridge.record.intake.reading import Place

Json = dict[str, Any]
#: What is told of a version that is not simply newer.
TOLD = {
    "older_message": "an older one; what stands was kept",
    "same_moment": "one of the same moment that says something else; the later in the file stands",
    "preliminary_after_final": "a preliminary one; what stands was kept",
    "which_of_several": "the time of none of them, or of several; those that stand are not used until their source says which",
    "birth_number": "another; a person decides which is right",
    "birth_kept": "another than the one that stands, which is that of the number and stays until a person decides",
    "sample_again": "the same number at another time; filed as another result, and the first stays",
    "changed_before_it_came": "a change without a time that came before it, and was sent after it; it is not used until its source says which sample was meant",
    "sample_corrected_day": "the same number at another time; taken as a correction of the time",
    "value_changed": "another value, not marked as corrected; the newer one stands, the other is kept as a version",
    "taken_back_all": "none, of a number that several samples have; all of them were taken back",
    "change_of_nothing": "no result of this node that has its order's number, one of its codes and its sub-id; it changed nothing",
    "change_of_one_of": "one that may be any of several of its order; those are not used until their source says which",
}
#: Where an oddity of a version stands, and what was expected there.
NEWER = "meta", "a message newer than the one that stands"
EXPECTED = {
    "birth_number": ("birthDate", "the date of birth in the identity number"),
    "birth_kept": ("birthDate", "the date of birth in the identity number"),
    "sample_again": ("effective", "a number that one sample has"),
    "changed_before_it_came": ("effective", "the time of the sample that was changed or taken back under this number"),
    "sample_corrected_day": ("effective", "the time of the result that is changed"),
    "value_changed": ("value", "the value that stands, or a correction that says so"),
    "taken_back_all": ("effective", "the time of the order that is taken back"),
    "change_of_nothing": ("status", "a change of a result that came before"),
    "change_of_one_of": ("code", "a code by which the result that is changed is known here"),
    "which_of_several": ("effective", "the time of the one of several results of a code that is changed, or its sub-id (OBX-4)"),
    "preliminary_after_final": ("status", "a final result stands: a correction of it (OBX-11 C), or that it is taken back"),
}
#: A result that its source called complete is replaced by a correction only. Source: HL7 v2.5.1, table 0085 (C: replaces a final result).
COMPLETE = ("final", "corrected", "amended")
_BEFORE_COMPLETE = ("registered", "preliminary")
TAKEN_BACK = ("entered-in-error", "cancelled")


def sent_at(resource: Mapping[str, Any]) -> datetime | None:
    """When the message was sent that a resource came with; None where it came otherwise."""
    for item in (resource.get("meta") or {}).get("extension") or ():
        if item.get("url") == SENT_AT:
            return datetime.fromisoformat(str(item.get("valueDateTime")))
    return None


def in_order(connection: Connection, batch: Batch) -> list[tuple[int, str, str]]:
    """Replace each version that is older than what stands by what stands.

    What is to be told as (place in the batch, its type, code): an older version that nobody saw before, and one that says something else
    about the same moment: nobody knows which holds, and the later of the file stands.
    """
    doubtful = _led_to_their_places(connection, batch)
    dated = [(number, key_of(resource), at) for number, resource in enumerate(batch.resources) if (at := sent_at(resource)) is not None]
    stored = standing(connection, (key for _, key, _ in dated))
    stands = {key: version.resource for key, version in stored.items()}
    told: list[tuple[int, str, str]] = [(number, "Observation", "which_of_several") for number in doubtful]
    older: list[tuple[Json, int]] = []  # with their places in the batch
    for number, key, at in dated:
        before = sent_at(stands[key]) if key in stands else None
        if key in stands and _takes_finality(stands[key], batch.resources[number]):
            told.append((number, key[0], "preliminary_after_final"))
            batch.resources[number] = stands[key]
            continue
        if before is None or before <= at:
            if before == at and content_sha256(stands[key]) != content_sha256(batch.resources[number]):
                told.append((number, key[0], "same_moment"))
            stands[key] = batch.resources[number]
            continue
        late = batch.resources[number]
        older.append((late, number))
        batch.resources[number] = stands[key]
        if key not in stored or content_sha256(late) not in {version.sha256 for version in history(connection, *key)}:
            told.append((number, key[0], "older_message"))
    return [*told, *_withdrawn(connection, batch, stored, older)]


def changed_values(connection: Connection, batch: Batch, told: Collection[int]) -> list[tuple[int, str, str]]:
    """Results of a laboratory that have another value than the complete one that stands, and nothing says that it was corrected; none that was `told`."""
    of_laboratory = batch.by_sample | set(batch.results)
    numbers = [number for number, one in enumerate(batch.resources) if key_of(one) in of_laboratory or sent_at(one) is not None]
    stands = {key: version.resource for key, version in standing(connection, (key_of(batch.resources[number]) for number in numbers)).items()}
    found: list[tuple[int, str, str]] = []
    report: Json = {}
    for number in numbers:
        resource, before = batch.resources[number], stands.get(key_of(batch.resources[number]), {})
        report = resource if resource["resourceType"] == "DiagnosticReport" else report
        is_change = {resource.get("status"), report.get("status")} & {*CHANGED, "amended"}
        if before.get("status") in COMPLETE and not is_change and number not in told and _value_of(before) != _value_of(resource):
            found.append((number, resource["resourceType"], "value_changed"))
        stands[key_of(resource)] = resource
    return found


def _value_of(resource: Mapping[str, Any]) -> Json:
    """What was measured: a number by its amount, however many zeros end it, without what is only its form."""
    found = {name: value for name, value in resource.items() if name.startswith("value") or name == "dataAbsentReason"}
    quantity = found.get("valueQuantity")
    return found | ({"valueQuantity": {name: quantity.get(name) for name in ("value", "comparator", "unit", "code")}} if quantity else {})


#: What a later message says of a result that was sent before. Source: HL7 v2.5.1, table 0085 (C, D, W, X).
CHANGED = ("corrected", "entered-in-error", "cancelled")


def _led_to_their_places(connection: Connection, batch: Batch) -> list[int]:
    """Lead each change of one of several results of a code without sub-ids to the one of its time; those that lead to none, or to several, stay out."""
    doubtful: list[int] = []
    stands: dict[Key, Json] = {}
    lists: dict[Key, list[set[Key]]] = {}  # of each report, what each of its messages named
    report, at = None, 0
    for number, resource in enumerate(batch.resources):
        key = key_of(resource)
        if sent_at(resource) is None:
            continue
        if key[0] == "DiagnosticReport":
            report, at = key, number
            lists.setdefault(key, []).append(set(results_of(resource)))
        elif report is not None and resource.get("status") in CHANGED and key in lists[report][-1]:
            others = _named_before(connection, report, lists[report][:-1]) - lists[report][-1]
            known = _repeated(connection, resource, others, stands)
            meant = [one for one, before in known.items() if moment_of(time_of(before)) == moment_of(time_of(resource))]
            if len(known) > 1 and len(meant) == 1:
                batch.resources[number] = {**resource, "id": meant[0][1], "meta": _as_repeated(resource, known[meant[0]])}
                batch.resources[at] = naming(batch.resources[at], key, meant[0])
            elif len(known) > 1:
                doubtful.append(number)
                batch.doubted |= dict.fromkeys(known, (resource, batch.places[number]))
                batch.resources[number] = known[key]
        stands[key_of(batch.resources[number])] = batch.resources[number]
    return doubtful


def _named_before(connection: Connection, report: Key, lists: Iterable[Iterable[Key]]) -> set[Key]:
    """The results that earlier messages of a report named."""
    versions = history(connection, *report) if report in standing(connection, [report]) else []
    return {*(key for one in lists for key in one), *(key for version in versions if not version.deleted for key in results_of(version.resource))}


def _repeated(connection: Connection, resource: Json, others: Iterable[Key], stands: Mapping[Key, Json]) -> dict[Key, Json]:
    """The first of several results of a code that were sent without sub-ids, and the others; nothing where there is one alone."""
    keys = {key_of(resource), *others}
    found = {key: version.resource for key, version in standing(connection, keys).items()} | {key: stands[key] for key in keys if key in stands}
    alike = {key: one for key, one in sorted(found.items()) if codes_of(one) & codes_of(resource) or one.get("code") == resource.get("code")}
    first = key_of(resource)
    rest = {key: one for key, one in alike.items() if key != first and repeats(one)}
    return {first: alike[first], **rest} if rest and first in alike else {}


def codes_of(resource: Mapping[str, Any]) -> set[tuple[object, object]]:
    """System and code of each coding of a result, or its words where a coding has no code."""
    return {(coding.get("system"), coding.get("code") or coding.get("display")) for coding in (resource.get("code") or {}).get("coding") or ()}


def repeats(resource: Mapping[str, Any]) -> list[Json]:
    """The mark of a result that is not the first of those that a message names alike."""
    return [item for item in (resource.get("meta") or {}).get("extension") or () if item.get("url") == REPEATED]


def _as_repeated(resource: Json, before: Json) -> Json:
    """The `meta` of a change, as that of the result that it changes."""
    meta = resource.get("meta") or {}
    return {**meta, "extension": [*meta.get("extension", ()), *repeats(before)]}


def naming(report: Json, said: Key, meant: Key) -> Json:
    """A report that names the result that is meant."""
    names = [meant if name == said else name for name in results_of(report)]
    return {**report, "result": [{"reference": f"{kind}/{name}"} for kind, name in names]}


def moment_of(said: str) -> object:
    """A written time as an instant, whatever its zone; a day as it stands."""
    return datetime.fromisoformat(said) if "T" in said else said


def time_of(resource: Mapping[str, Any]) -> str:
    """When a result was true, as written; nothing where it does not say."""
    return str(resource.get("effectiveDateTime") or "")


def _takes_finality(before: Mapping[str, Any], resource: Mapping[str, Any]) -> bool:
    """Whether a result that its source called complete would become a preliminary one, or one that is awaited."""
    is_result = resource["resourceType"] == "Observation"
    return is_result and before.get("status") in COMPLETE and resource.get("status") in _BEFORE_COMPLETE


def keep_what_stands(connection: Connection, batch: Batch, of_messages: Collection[Key]) -> None:
    """Give each Patient what it leaves out and what stands: who a person is; of a laboratory's message also death and address."""
    keys = [key_of(resource) for resource in batch.resources if resource["resourceType"] == "Patient"]
    stands = {key: version.resource for key, version in standing(connection, keys).items()}
    for number, resource in enumerate(batch.resources):
        key = key_of(resource)
        if key[0] == "Patient":
            stands[key] = kept(resource, stands.get(key, {}), OF_A_MESSAGE if key in of_messages else WHO)
            batch.resources[number] = stands[key]


def _withdrawn(connection: Connection, batch: Batch, stored: Mapping[Key, Version], older: list[tuple[Json, int]]) -> list[tuple[int, str, str]]:
    """Add the results of each report that was taken back without naming them: those that any version of it named; a report that named none is told."""
    told: list[tuple[int, str, str]] = []
    for report, number in [*((one, at) for at, one in enumerate(batch.resources)), *older]:
        if report["resourceType"] != "DiagnosticReport" or not sent_at(report) or report.get("status") not in TAKEN_BACK or report.get("result"):
            continue
        key = key_of(report)
        met = [one for one in (*batch.resources, *(one for one, _ in older)) if key_of(one) == key]
        met += [version.resource for version in history(connection, *key) if not version.deleted] if key in stored else []
        names = sorted({name for one in met for name in results_of(one)})
        if not names and key not in stored:
            told.append((number, key[0], "change_of_nothing"))
        taken = _take_back(connection, batch, report, names, batch.places[number])
        if not time_of(report) and _of_several_times(taken):
            told.append((number, key[0], "taken_back_all"))
    return told


def _of_several_times(results: Iterable[Json]) -> bool:
    """Whether a code among these was measured more than once: a number that was used again."""
    times: dict[object, set[object]] = {}
    for one in results:
        for code in codes_of(one):
            times.setdefault(code, set()).add(moment_of(time_of(one)))
    return any(len(found) > 1 for found in times.values())


def results_of(report: Mapping[str, Any]) -> Iterator[Key]:
    """The results that a report names."""
    for item in report.get("result") or ():
        kind, _, name = str(item.get("reference") or "").partition("/")
        if kind == "Observation" and name:
            yield kind, name


def _take_back(connection: Connection, batch: Batch, report: Json, names: list[Key], place: Place) -> list[Json]:
    """Add a version that is taken back of each of these results that stood; those results."""
    at, extension = sent_at(report), report["meta"]["extension"]
    current = {key: version.resource for key, version in standing(connection, names).items()}
    current |= {key_of(resource): resource for resource in batch.resources if key_of(resource) in set(names)}
    taken: list[Json] = []
    for resource in current.values():
        before = sent_at(resource)
        if resource.get("status") in TAKEN_BACK or (before and at and before > at):
            continue
        meta = {**(resource.get("meta") or {}), "extension": extension}
        batch.resources.append({**resource, "status": report["status"], "meta": meta})
        batch.places.append(place)
        batch.entries += 1
        taken.append(resource)
    return taken


def standing(connection: Connection, keys: Iterable[Key]) -> dict[Key, Version]:
    """What of these is here and not deleted."""
    return {key: version for key, version in get_many(connection, sorted(set(keys))).items() if not version.deleted}


def key_of(resource: Mapping[str, Any]) -> Key:
    """Type and id."""
    return resource["resourceType"], resource["id"]
