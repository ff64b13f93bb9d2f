"""Results as a reader sees them: each with its answer, every reason in words, how it was converted, and what would have to be true.

Main job: `shown(view, groups, chosen)` for the results judged as the reader chose; `recorded(view)` for the decisions that stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from baybridge.base.outcome import Reason
from baybridge.base.time import parse_instant
from baybridge.documents.recognition import Methods
from baybridge.documents.terms import Answers
from baybridge.journey.entry import Entry
from baybridge.node.commands.table import COMMANDS
from baybridge.recognition.derive import group_of
from baybridge.recognition.outcome import REPEAT
from baybridge.recognition.panel import Judgement
from baybridge.recognition.places import Clearing
from baybridge.web.case.view import Action, CaseView


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the reader asked the results to be judged for."""

    purpose: str
    receiver: str
    use_at: datetime
    problem: str = ""  # the key of what was wrong with the address


@dataclass(frozen=True, slots=True)
class Why:
    """One code with its words, its source, and what would clear it."""

    code: str
    source: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """One result with what it is worth."""

    result_id: str
    loinc: str
    outcome: str
    reported: Mapping[str, Any]
    laboratory: str
    why: tuple[Why, ...]
    valid_until: datetime | None
    sign: str | None = None
    own: bool = False
    converted: tuple[Any, str] | None = None
    conversion: str = ""
    window: tuple[str, ...] = ()
    passable: bool | None = None  # whether a clinician may accept it nevertheless; None where there is nothing to accept
    second: bool = False
    impossible: tuple[str, ...] = ()  # sentences on a value that cannot be true of a living person
    otherwise: Action | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """The results of one analyte: the newest, and the older ones."""

    loinc: str
    newest: Result
    older: tuple[Result, ...]
    by_method: bool = False  # values of different methods may not be compared with one another


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision that stands: when and by whom, and who overrode it."""

    entry: Entry[Any]
    result: Result
    override: Mapping[str, Any] | None
    emergency: bool


def shown(view: CaseView, groups: Sequence[Sequence[Judgement]], chosen: Chosen) -> list[Shown]:
    """Analytes with results: what must be repeated first, then by name."""
    found, methods = [], view.asked.node.documents.typed.one(Methods, "recognition", "methods")
    for group in groups:
        results = [_judged(view, one, chosen) for one in group]
        found.append(Shown(group[0].loinc, results[0], tuple(results[1:]), group_of(methods, group[0].loinc) is not None))
    return sorted(found, key=lambda one: (one.newest.outcome != "repeat-needed", view.reader.test(one.loinc).casefold()))


def _judged(view: CaseView, judgement: Judgement, chosen: Chosen) -> Result:
    answer = judgement.answer
    clearings = {one.code: one for one in judgement.clearings}
    sources = {reason["code"]: str(reason.get("source") or "") for reason in answer.standing if reason.get("code")}
    passable = all(one.overridable for one in judgement.clearings) if clearings else None
    result_id = str(judgement.observation.get("id") or "")
    return Result(
        result_id=result_id,
        loinc=judgement.loinc,
        outcome=answer.outcome if answer.serves or not answer.set_aside else REPEAT,
        reported=judgement.request["result"],
        laboratory=str(judgement.request["laboratory"].get("id") or ""),
        why=tuple(Why(code, sources.get(code, ""), _remedy(view, clearings.get(code))) for code in answer.codes),
        valid_until=answer.valid_until,
        sign=_sign(view, judgement.request["result"].get("value")),
        own=judgement.own,
        converted=(answer.converted_value, str(answer.converted_unit)) if answer.converted_value is not None else None,
        conversion=_how(view, judgement.request["result"], answer.conversion),
        window=answer.window_sources,
        passable=passable,
        second=any(one.second_sign_off for one in judgement.clearings),
        impossible=tuple(view.reader.reason(reason) for reason in answer.set_aside),
        otherwise=_otherwise(view, result_id, chosen, accept=bool(clearings)) if passable is not False else None,
    )


def _otherwise(view: CaseView, result_id: str, chosen: Chosen, *, accept: bool) -> Action | None:
    """A physician's button to decide otherwise on one result."""
    kind = COMMANDS["OverrideRecognition"]
    if view.read_only or view.asked.person.role not in kind.roles:
        return None
    given = {"result": result_id, "purpose": chosen.purpose, "receiver": chosen.receiver, "direction": "accept" if accept else "repeat"}
    return view.action(kind, {**given, "use_at": chosen.use_at.isoformat(timespec="minutes")}, preview=False)


def _remedy(view: CaseView, clearing: Clearing | None) -> str:
    """What would have to be true, with the days, units and methods of this result."""
    if clearing is None:
        return ""
    reader, missing = view.reader, view.reader.t("tests.unknown")
    names = ("loinc", "specimen", "method", "receiver_method", "unit", "wanted_unit", "collected_on", "since_on", "use_at")
    values = {name: clearing.values.get(name, missing) for name in names}
    values["test"] = reader.test(values["loinc"])
    for name in ("collected_on", "since_on"):
        values[name] = reader.day(clearing.values[name]) if name in clearing.values else missing
    values["use_at"] = reader.moment(clearing.values["use_at"]) if "use_at" in clearing.values else missing
    return reader.t(f"recognition.clears.{clearing.code}", **values)


def _how(view: CaseView, reported: Mapping[str, Any], conversion: str | None) -> str:
    """What was done to a value: the reported one as the reader writes it, and the factor; empty where nothing was."""
    if not conversion:
        return ""
    *_, sign, factor = conversion.split(" ")
    return f"{view.reader.quantity(reported.get('value'), reported.get('unit'))} {sign} {view.reader.number(factor)}"


def _sign(view: CaseView, value: Any) -> str | None:
    """Whether a coded answer says positive or negative; None where it is another code, or no code."""
    answers = view.asked.node.documents.typed.the(Answers)
    found = (sign for sign, said in (("positive", answers.positive), ("negative", answers.negative)) for coded in said if coded.rsplit("|", 1)[-1] == str(value))
    return next(found, None) if isinstance(value, str) else None


def recorded(view: CaseView) -> list[tuple[str, list[Recorded]]]:
    """Decisions that stand, by purpose; what must be repeated first."""
    entries: tuple[Entry[Any], ...] = (*view.case.recognised, *view.case.repeats)
    documents = view.documents(entry.event.decision_sha256 for entry in entries)
    found: dict[str, list[Recorded]] = {}
    for entry in entries:
        document = documents.get(entry.event.decision_sha256, {})
        found.setdefault(entry.event.purpose, []).append(_recorded(view, entry, document))
    order = lambda one: (one.result.outcome != "repeat-needed", view.reader.test(one.result.loinc).casefold())  # noqa: E731
    return [(purpose, sorted(rows, key=order)) for purpose, rows in found.items()]


def _recorded(view: CaseView, entry: Entry[Any], document: Mapping[str, Any]) -> Recorded:
    event, request = entry.event, document.get("request") or {}
    until = getattr(event, "valid_until", None) or (parse_instant(document["valid_until"]) if document.get("valid_until") else None)
    value, aside = document.get("converted_value"), document.get("set_aside") or ()
    result = Result(
        result_id=event.result_id,
        loinc=event.loinc,
        outcome=str(getattr(event, "outcome", None) or (not aside and document.get("outcome")) or REPEAT),
        reported=request.get("result") or {},
        laboratory=str((request.get("laboratory") or {}).get("id") or ""),
        why=tuple(Why(code, "") for code in event.codes),
        valid_until=until,
        sign=_sign(view, (request.get("result") or {}).get("value")),
        converted=(value, str(document.get("converted_unit"))) if value is not None else None,
        conversion=_how(view, request.get("result") or {}, document.get("conversion")),
        window=tuple(document.get("window_sources") or ()),
        impossible=tuple(view.reader.reason(Reason(told["code"], {**told})) for told in aside),
    )
    return Recorded(entry, result, document.get("override"), "MR-080" in event.codes)
