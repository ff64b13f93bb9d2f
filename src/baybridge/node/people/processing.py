"""The record of processing: what this node does with personal data, made from what it really holds, reads, sends and keeps.

Main job: `record_of(node)`, and `sections(record, say)`, the tables of it in one language, of which the page, the printed page and the text are made.

Nothing in it is written by hand and nothing of a person is in it: counts by kind, never below the whole node. What only people know (contact of the privacy
role, legal basis in words, contracts on paper) stands in the site's own papers beside it; the record says so. **Source**: rights of the person; PIPL articles
55 and 56 and the GBA Standard Contract (records of processing), as the data law reference B1 names them. **Units**: counts; years.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, distinct, func, select

from baybridge.documents.retention import Retention
from baybridge.journey.events import EVENT_TYPES, ConsentRecorded, ConsentWithdrawn, EmergencyRecorded, PackageReceived, TransferAllowed
from baybridge.journey.stored import decode
from baybridge.language.texts import Texts
from baybridge.ledger.tables import event as events
from baybridge.node import tables
from baybridge.node.integrity import daily
from baybridge.record.store.tables import resource_current

if TYPE_CHECKING:
    from baybridge.node.node import Node

Say = Callable[..., str]
#: Kinds of things that a node keeps beside the record, with the table that holds them.
_KEPT = {"cases": tables.case_index, "decisions": tables.decision, "readings": tables.record_read, "accounts": tables.account}


@dataclass(frozen=True, slots=True)
class Processing:
    """What a node does with personal data, as of a moment."""

    node: str
    organisation: str
    jurisdiction: str
    made_at: str
    persons: int
    categories: Mapping[str, int]  # FHIR type -> resources that stand
    kept: Mapping[str, int]
    purposes: tuple[tuple[str, str, str, int], ...]  # purpose, role, on what right, readings
    consents: tuple[tuple[str, str, int, int], ...]  # kind, given by, given, of them taken back
    emergencies: int
    sent: tuple[tuple[str, str, str, int, int], ...]  # node, purpose, route, packages, resources
    received: tuple[tuple[str, str, str, int, int], ...]
    parties: Mapping[str, tuple[str, str]]  # node -> organisation, region
    retention: tuple[tuple[str, str, int, str, str], ...]  # rule, what, years, source, confidence
    measures: Mapping[str, Any]
    rights: Mapping[str, int]

    def as_json(self) -> dict[str, object]:
        """As commands and services print it."""
        return asdict(self)


def record_of(node: Node) -> Processing:
    """The record of processing of a node, as of now."""
    with node.storage.reading() as connection:
        current = resource_current
        standing = select(current.c.type, func.count()).where(current.c.deleted.is_(False)).group_by(current.c.type)
        persons = select(func.count(distinct(current.c.patient))).where(current.c.deleted.is_(False), current.c.patient != "")
        return Processing(
            node=node.site.node,
            organisation=node.site.organisation,
            jurisdiction=node.site.jurisdiction,
            made_at=node.now().isoformat(),
            persons=_count(connection, persons),
            categories={str(row[0]): int(row[1]) for row in sorted(map(tuple, connection.execute(standing)))},
            kept={name: _count(connection, select(func.count()).select_from(table)) for name, table in _KEPT.items()},
            purposes=_purposes(connection),
            consents=_consents(connection),
            emergencies=_count(connection, select(func.count()).where(events.c.type == EmergencyRecorded.__name__)),
            sent=_packages(connection, TransferAllowed, "to_node"),
            received=_packages(connection, PackageReceived, "from_node"),
            parties={name: (one.site.organisation, one.site.jurisdiction) for name, one in sorted(node.neighbours.items())},
            retention=tuple(_retention(node)),
            measures=_measures(node, connection),
            rights=_rights(connection),
        )


def _count(connection: Connection, query: Any) -> int:
    return int(connection.execute(query).scalar_one())


def _purposes(connection: Connection) -> tuple[tuple[str, str, str, int], ...]:
    read = tables.record_read
    keys = (read.c.purpose, read.c.role, read.c.ground)
    found = connection.execute(select(*keys, func.count()).group_by(*keys))
    return tuple(sorted((str(a), str(b), str(c), int(n)) for a, b, c, n in found))


def _bodies(connection: Connection, kind: type) -> Iterator[Any]:
    """The events of one kind that were recorded here; those whose content was erased say nothing any more."""
    for body in connection.execute(select(events.c.body).where(events.c.type == kind.__name__)).scalars():
        if body:
            yield decode(bytes(body)).event


def _consents(connection: Connection) -> tuple[tuple[str, str, int, int], ...]:
    taken_back = {event.consent_id for event in _bodies(connection, ConsentWithdrawn)}
    given: Counter[tuple[str, str]] = Counter()
    back: Counter[tuple[str, str]] = Counter()
    for event in _bodies(connection, ConsentRecorded):
        given[event.kind, event.given_by] += 1
        back[event.kind, event.given_by] += event.consent_id in taken_back
    return tuple((kind, by, number, back[kind, by]) for (kind, by), number in sorted(given.items()))


def _packages(connection: Connection, kind: type, other: str) -> tuple[tuple[str, str, str, int, int], ...]:
    packages: Counter[tuple[str, str, str]] = Counter()
    resources: Counter[tuple[str, str, str]] = Counter()
    for event in _bodies(connection, kind):
        key = (getattr(event, other), event.purpose, event.route)
        packages[key] += 1
        resources[key] += event.resources
    return tuple((*key, number, resources[key]) for key, number in sorted(packages.items()))


def _retention(node: Node) -> Iterator[tuple[str, str, int, str, str]]:
    for name in node.documents.folder("retention"):
        law = node.documents.typed.one(Retention, "retention", name)
        if not law.jurisdiction or node.site.jurisdiction in law.jurisdiction:
            for rule in law.rules:
                yield rule.id, ", ".join((*rule.resources, *rule.events)), rule.years, rule.source, rule.confidence or "high"


def _measures(node: Node, connection: Connection) -> dict[str, object]:
    """What protects the data here, as it is set and as it was found."""
    people, checked = node.people, daily.latest(connection)
    secret = tables.account.c.totp_secret
    return {
        "second_factor_roles": sorted(people.second_factor.required_for),
        "second_factors": _count(connection, select(func.count()).where(secret.is_not(None))),
        "session_hours": people.session_hours,
        "password_at_least": people.password_at_least,
        "emergency_hours": people.break_glass.hours,
        "log_checked_at": checked.checked_at.isoformat() if checked else None,
        "log_findings": checked.count if checked else None,
    }


def _rights(connection: Connection) -> dict[str, int]:
    counts = {"restricted": tables.restriction, "held": tables.legal_hold}
    standing = {name: _count(connection, select(func.count()).select_from(table).where(table.c.lifted_at.is_(None))) for name, table in counts.items()}
    breaches = _count(connection, select(func.count(distinct(tables.breach_entry.c.breach_id))))
    return {**standing, "emergency_accesses": _count(connection, select(func.count()).select_from(tables.broken_glass)), "breaches": breaches}


# --- words ----------------------------------------------------------------------------------------------------------

Section = tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]]


def sections(record: Processing, say: Say) -> list[Section]:
    """The tables of the record: heading, columns, rows; `say(key, values)` answers a sentence in one language."""

    def who(name: str) -> str:
        organisation, region = record.parties.get(name, (name, ""))
        return f"{organisation} ({say('code.' + region)})" if region else organisation

    def heads(*names: str) -> tuple[str, ...]:
        return tuple(say(f"processing.{name}") for name in names)

    kept = [(say(f"processing.kept.{name}"), str(number)) for name, number in record.kept.items()]
    categories = [(_word(say, kind), str(number)) for kind, number in record.categories.items()]
    purposes = [(say(f"read_purpose.{a}"), say(f"role.{b}"), say(f"ground.{c}"), str(n)) for a, b, c, n in record.purposes]
    consents = [(say(f"code.{kind}"), say(f"code.{by}"), str(given), str(back)) for kind, by, given, back in record.consents]
    moved = [
        (say(f"processing.{way}"), who(node), say(f"code.{purpose}"), route or "-", str(packages), str(resources))
        for way, rows in (("sent", record.sent), ("received", record.received))
        for node, purpose, route, packages, resources in rows
    ]
    rules = [
        (rule, _kept_in_words(what, say), str(years), source, say("processing.unverified") if sure == "low" else "")
        for rule, what, years, source, sure in record.retention
    ]
    return [
        (say("processing.categories"), heads("category", "number"), (*kept, *categories)),
        (say("processing.purposes"), heads("purpose", "role", "ground", "readings"), tuple(purposes)),
        (say("processing.basis"), heads("consent", "given_by", "given", "taken_back"), tuple(consents)),
        (say("processing.recipients"), heads("way", "party", "purpose", "route", "packages", "resources"), tuple(moved)),
        (say("processing.retention"), heads("rule", "keeps", "years", "source", "state"), tuple(rules)),
        (say("processing.measures"), heads("measure", "number"), tuple(_said(record, say))),
    ]


def _kept_in_words(what: str, say: Say) -> str:
    """What a rule of retention keeps: kinds of record and of event by their words, each once."""
    return say("page.semicolon").join(dict.fromkeys(_word(say, name) for name in what.split(", ")))


def _word(say: Say, name: str) -> str:
    """The word for a kind of record or of event; its name where nobody gave it a word."""
    key = f"event.{name}" if name in EVENT_TYPES else f"resource.{name}"
    said = say(key)
    return name if said == key else said


def _said(record: Processing, say: Say) -> Iterator[tuple[str, str]]:
    for name, value in {**record.measures, **record.rights, "emergencies": record.emergencies}.items():
        shown = ", ".join(say(f"role.{one}") for one in value) if isinstance(value, list) else say("processing.never") if value is None else str(value)
        yield say(f"processing.measure.{name}"), shown


def title(record: Processing, say: Say) -> str:
    """The heading of the record."""
    return say("processing.title_of", {"organisation": record.organisation})


def page(node: Node, record: Processing, language: str) -> str:
    """One page to print."""
    say = _sayer(node, language)
    cells = "td,th{border:1px solid #999;padding:2pt 4pt;text-align:left;vertical-align:top}"
    style = f"body{{font:11pt sans-serif;margin:2cm}}table{{border-collapse:collapse;width:100%}}{cells}"
    body = "".join(f"<h2>{escape(head)}</h2>{_table(columns, rows, say)}" for head, columns, rows in sections(record, say))
    named = escape(title(record, say))
    about = "".join(f"<p>{escape(one)}</p>" for one in about_it(record, say))
    head = f'<meta charset="utf-8"><title>{named}</title><style>{style}</style>'
    return f'<!doctype html><html lang="{escape(language)}">{head}<h1>{named}</h1>{about}{body}</html>'


def about_it(record: Processing, say: Say) -> tuple[str, ...]:
    """What the record is, of when, about how many persons, and what it cannot say."""
    said = {"at": record.made_at[:16], "persons": record.persons, "region": say(f"code.{record.jurisdiction}")}
    return say("processing.what", said), say("processing.by_hand")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], say: Say) -> str:
    if not rows:
        return f"<p>{escape(say('processing.nothing'))}</p>"
    heads = "".join(f"<th>{escape(one)}</th>" for one in columns)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{heads}</tr>{lines}</table>"


def text(node: Node, record: Processing, language: str) -> str:
    """The record as lines of text."""
    say = _sayer(node, language)
    lines = [title(record, say), *about_it(record, say)]
    for head, columns, rows in sections(record, say):
        lines += ["", head, "  " + " | ".join(columns), *("  " + " | ".join(row) for row in rows)]
    return "\n".join(lines)


def _sayer(node: Node, language: str) -> Say:
    texts = Texts(node.documents)
    return lambda key, values=None: texts.say(language, key, dict(values or {}))
