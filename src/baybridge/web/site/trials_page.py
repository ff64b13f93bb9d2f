"""Trials of this node: the list, one trial, its review, and the patients that may fit it.

Main job: `TRIAL_DOORS`. A reviewer writes rules beside the published lines; the button "check", and the page itself while one writes, tell what cannot be used before
anything is kept. What nobody made into a rule is shown as text that no machine checked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.http.doors import Asked, Door
from baybridge.language.regions import by_registry_name
from baybridge.matching.reviewing import MOST_LINES, READINGS, Line, LineProblem, Reading, check, lines_of, problems
from baybridge.matching.trials import standing
from baybridge.node import cases
from baybridge.node.options import kept_trials, screening, trials
from baybridge.node.people import access
from baybridge.rulebook.library import fact_types
from baybridge.web.case import tabs
from baybridge.web.case.view import labels
from baybridge.web.page.page import Reader, go, refused, render

_AT_ONCE = 400  # answers whose cases are asked for in one question
_ORDER = ("eligible", "undetermined", "ineligible")
#: Empty rows for criteria that the registry's text does not spell out.
_OWN_LINES = 2


@dataclass(frozen=True, slots=True)
class Row:
    """A trial in the list: what is kept of it, its standing, where it recruits here, how many patients fit."""

    kept: kept_trials.Kept
    standing: str
    places: tuple[Any, ...]
    counts: Mapping[str, int]


def trial_list(asked: Asked, report: trials.Imported | Refusal | None = None) -> Response:
    """Every trial of the node, those whose text a person must still read first."""
    with asked.node.storage.reading() as connection:
        found = kept_trials.all_kept(asked.node, connection)
        counts = screening.counts(connection)
    rows = [_row(asked, kept, counts) for kept in found]
    waiting = {"changed": 0, "unreviewed": 1, "reviewed": 2}
    rows.sort(key=lambda one: (not one.kept.trial.recruits, waiting[one.standing], one.kept.trial.trial_id))
    reader = Reader(asked)
    problem = [reader.reason(reason) for reason in report.reasons] if isinstance(report, Refusal) else []
    return render(
        asked,
        "trials.html",
        report.surface.http_status if isinstance(report, Refusal) else 200,
        rows=rows,
        report=report if isinstance(report, trials.Imported) else None,
        problem=problem,
        may_import=access.may("trial.import", asked.actor, asked.node.site) is None,
        may_see_patients=access.may("trial.patients", asked.actor, asked.node.site) is None,
        may_review=access.may("trial.review", asked.actor, asked.node.site) is None,
    )


def _row(asked: Asked, kept: kept_trials.Kept, counts: Mapping[str, Mapping[str, int]]) -> Row:
    return Row(kept, standing(kept.trial, kept.review), kept.trial.places(by_registry_name(asked.node.regions)), counts.get(kept.trial.trial_id, {}))


def trial_upload(asked: Asked) -> Response:
    """File the studies of an uploaded file; the list says what became of it."""
    upload = asked.uploads.get("file")
    if upload is None or not upload.content:
        return trial_list(asked, refuse(Reason("matching.registry.no_file", where="file"), category=Category.INVALID))
    return trial_list(asked, trials.import_trials(asked.node, asked.person, upload.name, upload.content))


def trial_page(asked: Asked) -> Response:
    """One trial: what is published, what a person made of each line, who reviewed it when."""
    trial_id = asked.parameters["trial_id"]
    with asked.node.storage.reading() as connection:
        kept = kept_trials.kept(asked.node, connection, trial_id)
        past = kept_trials.history(connection, trial_id)
        answers = screening.of_trial(connection, trial_id)
    if kept is None:
        return _unknown(asked)
    return render(
        asked,
        "trial.html",
        kept=kept,
        standing=standing(kept.trial, kept.review),
        lines=kept.lines if kept.counts else tuple(Line(text, excludes=False) for text in kept.trial.inclusion)
        + tuple(Line(text, excludes=True) for text in kept.trial.exclusion),
        places=kept.trial.places(by_registry_name(asked.node.regions)),
        elsewhere=sum(place.recruiting and place.country not in by_registry_name(asked.node.regions) for place in kept.trial.locations),
        regions=by_registry_name(asked.node.regions),
        past=past,
        counts=Counter(answer.outcome for answer in answers),
        may_review=access.may("trial.review", asked.actor, asked.node.site) is None,
        may_see_patients=access.may("trial.patients", asked.actor, asked.node.site) is None,
    )


def _unknown(asked: Asked) -> Response:
    return refused(asked, refuse(Reason("matching.trial.unknown", {"trial": asked.parameters["trial_id"][:20]}), category=Category.NOT_FOUND))


# --- reviewing ------------------------------------------------------------------------------------------------------


def review_page(asked: Asked) -> Response:
    """The form: each published line with what the last review made of it."""
    kept = _kept(asked)
    if kept is None:
        return _unknown(asked)
    return _form(asked, kept, _proposed(kept), ())


def _kept(asked: Asked) -> kept_trials.Kept | None:
    with asked.node.storage.reading() as connection:
        return kept_trials.kept(asked.node, connection, asked.parameters["trial_id"])


def _proposed(kept: kept_trials.Kept) -> tuple[Line, ...]:
    """The published lines of now, each as the last review read it where its words are the same."""
    known = {(line.text, line.excludes): line for line in kept.lines} if kept.review else {}
    fresh = lines_of(kept.trial)
    named = {(line.text, line.excludes) for line in fresh}
    own = [line for key, line in known.items() if key not in named and standing(kept.trial, kept.review) == "reviewed"]
    return (*(known.get((line.text, line.excludes), line) for line in fresh), *own)


def review_do(asked: Asked) -> Response:
    """Check the lines, or keep them as the next version; what cannot be used stands at its line."""
    kept = _kept(asked)
    if kept is None:
        return _unknown(asked)
    lines = _lines(asked)
    if asked.form.get("do") != "keep":
        return _form(asked, kept, lines, tuple(problems(lines, fact_types(asked.node.documents))), checked=True)
    done = trials.review_trial(asked.node, asked.person, kept.trial.trial_id, asked.form.get("criteria_sha256", ""), lines)
    if isinstance(done, Refusal) and done.category is Category.INVALID:
        return _form(asked, kept, lines, tuple(problems(lines, fact_types(asked.node.documents))), 422)
    if isinstance(done, Refusal):
        return refused(asked, done)
    return go(f"/trials/{kept.trial.trial_id}")


def _lines(asked: Asked) -> tuple[Line, ...]:
    """The lines of the form; an own line that stayed empty is none."""
    found = []
    for place in range(1, MOST_LINES + 2):
        text = asked.form.get(f"text.{place}")
        when = asked.form.get(f"when.{place}", "").strip()
        if text is None:
            break
        reading: Reading = next((known for known in READINGS if known == asked.form.get(f"reading.{place}")), "person")
        if text.strip() or when:
            excludes = asked.form.get(f"excludes.{place}") == "yes"
            found.append(Line((text.strip() or when)[:2000], excludes, reading, when[:2000] if reading == "rule" else ""))
    return tuple(found)


def _form(asked: Asked, kept: kept_trials.Kept, lines: Sequence[Line], against: Sequence[LineProblem], status: int = 200, *, checked: bool = False) -> Response:
    reader = Reader(asked)
    said: dict[int, list[str]] = {}
    for problem in against:
        said.setdefault(problem.place, []).append(reader.reason(trials.reason_of(problem)))
    known = [fact for fact in asked.node.dictionary.facts.values() if fact.how != "given"]
    facts = sorted(((fact.name, fact.label(asked.language), fact.type, fact.unit) for fact in known), key=lambda one: one[1])
    return render(
        asked,
        "trial-review.html",
        status,
        kept=kept,
        standing=standing(kept.trial, kept.review),
        lines=[(place, line, said.get(place, [])) for place, line in enumerate(lines, 1)],
        own=range(len(lines) + 1, len(lines) + 1 + _OWN_LINES),
        general=said.get(0, []),
        checked=checked and not against,
        facts=facts,
        readings=READINGS,
    )


def rule_check(asked: Asked) -> Response:
    """What is wrong with one rule, as JSON sentences; the page asks while one writes."""
    reader = Reader(asked)
    found = [reader.reason(trials.reason_of(problem)) for problem in check(asked.form.get("when", "")[:2000], fact_types(asked.node.documents))]
    return Response(orjson.dumps({"problems": found}), media_type="application/json")


# --- patients -------------------------------------------------------------------------------------------------------


def trial_patients(asked: Asked) -> Response:
    """Who of this node may fit the trial, as last screened; the reasons stand at each patient's options."""
    trial_id = asked.parameters["trial_id"]
    with asked.node.storage.reading() as connection:
        kept = kept_trials.kept(asked.node, connection, trial_id)
        answers = screening.of_trial(connection, trial_id)
        parts = [answers[start : start + _AT_ONCE] for start in range(0, len(answers), _AT_ONCE)]
        synthetic = {row.case_id: row.synthetic for part in parts for row in cases.of_ids(connection, [answer.case_id for answer in part])}
    if kept is None:
        return _unknown(asked)
    allowed = [answer for answer in answers if synthetic.get(answer.case_id) or not kept.trial.synthetic]
    names = {case_id: name for part in parts for case_id, name in labels(asked, [answer.case_id for answer in part]).items()}
    rows = sorted(allowed, key=lambda answer: (_ORDER.index(answer.outcome) if answer.outcome in _ORDER else len(_ORDER), names.get(answer.case_id, "")))
    shown = [(answer, names.get(answer.case_id, ""), tabs.address(answer.case_id, "options")) for answer in rows]
    with asked.node.unit() as unit:
        unit.log("access", "", f"trial/{trial_id}/patients", trial_id.encode(), asked.person, "research")
    return render(asked, "trial-patients.html", kept=kept, standing=standing(kept.trial, kept.review), rows=shown, order=_ORDER)


TRIAL_DOORS = (
    Door("/trials", ("GET",), "trials", "trial.read", trial_list),
    Door("/trials", ("POST",), "trials.import", "trial.import", trial_upload),
    Door("/trials/check", ("POST",), "trials.check", "trial.review", rule_check),
    Door("/trials/{trial_id}", ("GET",), "trial.page", "trial.read", trial_page),
    Door("/trials/{trial_id}/review", ("GET",), "trial.review.form", "trial.review", review_page),
    Door("/trials/{trial_id}/review", ("POST",), "trial.review.do", "trial.review", review_do),
    Door("/trials/{trial_id}/patients", ("GET",), "trial.patients", "trial.patients", trial_patients),
)
