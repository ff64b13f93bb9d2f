"""The register of what persons asked of their data, the register of breaches and the record of processing, for the privacy role and the administrator.

Main job: `PRIVACY_DOORS`. Elsewhere: the register itself in `node/people/breaches.py`, the record in `node/people/processing.py`, the requests in
`node/people/requests.py`; a request itself stands on its case, `web/case/requests_page.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

from starlette.responses import HTMLResponse, Response

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.http.doors import Asked, Door
from baybridge.node.people import accounts, breach_changes, breaches, processing, requests
from baybridge.node.people.breaches import Close, Entry, Kind, Note, NotNeeded, Open, Persons, Reopen, Told
from baybridge.web.case.view import labels
from baybridge.web.page.page import Reader, render

_TYPED = ("what", "kind", "known_at", "happened_at", "patients", "complete")


def everything(asked: Asked) -> Response:
    """Every breach with its clocks, and the form that enters one."""
    return _show(asked)


def enter(asked: Asked) -> Response:
    """Enter a breach."""
    known_at, happened_at = _moment(asked, "known_at"), _moment(asked, "happened_at")
    kind: Kind | None = next((one for one in get_args(Kind) if one == asked.form.get("kind")), None)
    missing = [Reason("breach.bad_time", {"year": 2000}, where="known_at")] if known_at is None else []
    missing += [Reason("breach.bad_time", {"year": 2000}, where="happened_at")] if asked.form.get("happened_at") and happened_at is None else []
    missing += [Reason("breach.no_kind", where="kind")] if kind is None else []
    if known_at is None or kind is None or missing:
        return _show(asked, refuse(*missing, category=Category.INVALID))
    entry = Open(
        what=asked.form.get("what", "").strip(), kind=kind, known_at=known_at, happened_at=happened_at, patients=_patients(asked), complete=_is_all(asked)
    )
    return _entered(asked, entry, "")


def add(asked: Asked) -> Response:
    """Add an entry to a breach; what the form adds by `what`."""
    because, rule, told_at = asked.form.get("because", "").strip(), asked.form.get("rule", ""), _moment(asked, "told_at")
    if asked.form.get("what") == "told" and told_at is None:
        return _show(asked, refuse(Reason("breach.bad_time", {"year": 2000}, where="told_at"), category=Category.INVALID))
    made: dict[str, Entry] = {
        "persons": Persons(patients=_patients(asked), complete=_is_all(asked)),
        "told": Told(rule=rule, told_at=told_at or asked.node.now(), reference=asked.form.get("reference", "").strip(), patients=_patients(asked)),
        "not-needed": NotNeeded(rule=rule, because=because),
        "note": Note(text=because),
        "close": Close(because=because),
        "reopen": Reopen(because=because),
    }
    entry = made.get(asked.form.get("what", ""))
    if entry is None:
        return _show(asked, refuse(Reason("breach.nothing_chosen", where="what"), category=Category.INVALID))
    return _entered(asked, entry, asked.parameters["breach_id"])


def _entered(asked: Asked, entry: Entry, breach_id: str) -> Response:
    done = breach_changes.change(asked.node, asked.person, entry, breach_id)
    return _show(asked, done if isinstance(done, Refusal) else None, done=not isinstance(done, Refusal))


def _is_all(asked: Asked) -> bool:
    return asked.form.get("complete") == "yes"


def _patients(asked: Asked) -> tuple[str, ...]:
    """One a line; blank lines count for nobody."""
    lines = (line.strip().removeprefix("Patient/") for line in asked.form.get("patients", "").splitlines())
    return tuple(dict.fromkeys(line for line in lines if line))


def _moment(asked: Asked, name: str) -> datetime | None:
    """A time as a form sends it, in the zone of the site; None where it is none."""
    try:
        found = datetime.fromisoformat(asked.form.get(name, ""))
        aware = found if found.tzinfo is not None else found.replace(tzinfo=asked.node.site.zone)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _show(asked: Asked, refusal: Refusal | None = None, *, done: bool = False) -> Response:
    with asked.node.storage.reading() as connection:
        found = breaches.register(asked.node, connection)
    reader = Reader(asked)
    return render(
        asked,
        "breaches.html",
        refusal.surface.http_status if refusal else 200,
        breaches=found,
        rule_names={clock.rule.id: clock.rule.name.get(asked.language) or clock.rule.name["en"] for one in found for clock in one.clocks},
        kinds=get_args(Kind),
        typed={name: asked.form.get(name, "") if refusal and "breach_id" not in asked.parameters else "" for name in _TYPED},
        sentences=[reader.reason(reason) for reason in refusal.reasons] if refusal else [],
        done=done,
        now=asked.node.now().astimezone(asked.node.site.zone).strftime("%Y-%m-%dT%H:%M"),
    )


def record(asked: Asked) -> Response:
    """The record of processing, and by `print` the page to print."""
    made = processing.record_of(asked.node)
    if asked.query.get("print"):
        return HTMLResponse(processing.page(asked.node, made, asked.language), headers={"cache-control": "no-store"})
    say = Reader(asked).t

    def sentence(key: str, values: dict[str, object] | None = None) -> str:
        return say(key, **(values or {}))

    return render(
        asked,
        "processing.html",
        title=processing.title(made, sentence),
        about=processing.about_it(made, sentence),
        sections=processing.sections(made, sentence),
    )


def requests_page(asked: Asked) -> Response:
    """Every request of a person, what waits first."""
    found = requests.register(asked.node)
    with asked.node.storage.reading() as connection:
        names = accounts.names(connection)
    late = sum(one.state == "late" for one in found)
    return render(asked, "requests-register.html", rows=found, names=names, labels=labels(asked, sorted({row.case_id for row in found})), late=late)


PRIVACY_DOORS = (
    Door("/requests", ("GET",), "requests", "requests.read", requests_page),
    Door("/breaches", ("GET",), "breaches", "breach.manage", everything),
    Door("/breaches", ("POST",), "breaches.enter", "breach.manage", enter),
    Door("/breaches/{breach_id}", ("POST",), "breaches.add", "breach.manage", add),
    Door("/processing", ("GET",), "processing", "processing.read", record),
)
