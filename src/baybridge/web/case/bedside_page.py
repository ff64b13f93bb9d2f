"""At the bedside: checks before infusion, lymphodepletion, infusion, grades with driver, bounds and source, drugs, the rapid response team.

Main job: `bedside(view)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from starlette.responses import Response

from baybridge.bedside.infusion import infuse_blocked
from baybridge.bedside.monitoring import SCALES
from baybridge.bedside.product import bag_reasons
from baybridge.documents.terms import Drugs
from baybridge.journey import asked_findings, odd_findings
from baybridge.journey.course import Grade
from baybridge.journey.doubted_doses import DoubtedDose, doubted_doses, last_said
from baybridge.journey.drug_history import FiledDose
from baybridge.journey.entry import tells
from baybridge.journey.events import DoseReviewed, DrugsReserved, FitnessChecked, GradeAssessed, ProductThawed
from baybridge.journey.look_now import ALERT_GRADE
from baybridge.journey.reserved_doses import Reserved, reserved_doses
from baybridge.node.commands.table import COMMANDS
from baybridge.node.watch.arrival import bedside_facts
from baybridge.node.watch.ward import filed_of
from baybridge.policy.one_case.decide import DecisionDocument
from baybridge.policy.one_case.ground import GroundDocument
from baybridge.web.case.from_record import answered, marks_of
from baybridge.web.case.graded import rests_said
from baybridge.web.case.ties import ties_of
from baybridge.web.case.timeline_page import correcting
from baybridge.web.case.view import Action, CaseView, allowed
from baybridge.web.page.page import Reader
from baybridge.web.page.pictures import Course, course


@dataclass(frozen=True, slots=True)
class Scale:
    """One scale: its standing grade, the document it rests on, its course, and the button to confirm it."""

    name: str
    title: str
    grade: Grade | None
    decision: DecisionDocument | None
    history: tuple[GradeAssessed, ...]
    picture: Course
    confirm: Action | None
    newer_said: str  # findings that came since and may change the grade, in words; empty where none did
    rests_said: str  # findings of before that the grade rests on, in words; empty where there is none

    @property
    def short(self) -> str:
        """The abbreviation by which every ward knows the scale."""
        return SHORT[self.name]

    @property
    def alarm(self) -> bool:
        """Whether the grade is certainly so high that the team is called."""
        return self.grade is not None and self.grade.latest.event.grade_min >= ALERT_GRADE

    @property
    def asks(self) -> bool:
        """Whether the grade may be so high, and a missing finding would tell."""
        latest = self.grade.latest.event if self.grade else None
        return latest is not None and latest.grade_min < ALERT_GRADE <= latest.grade_max and bool(latest.missing)

    @property
    def marks(self) -> tuple[str, ...]:
        """What the scale tells whoever grades, as codes: review, look for another cause."""
        return marks_of(self.decision) if self.decision else ()

    @property
    def driver(self) -> GroundDocument | None:
        """The criterion that set the grade, with its words and source."""
        return next((reason for reason in self.decision["reasons"] if reason.get("holds") is True), None) if self.decision else None


#: What a scale is called on every ward, in every language.
SHORT = {"crs-astct-2019": "CRS", "icans-astct-2019": "ICANS"}

#: What is done most often at a bedside: it stands before everything else of the page.
_FIRST = ("Assess", "GiveDrug")

#: Scales and screenings that are made from the record, not from a bedside assessment.
FROM_RECORD = (
    "iec-hs-screening-2023", "tls-cairo-bishop-2004", "tls-howard-2011", "icaht-2023", "t-icaht-2025", "mascc-2000", "infection-prevention",
)  # fmt: skip


def bedside(view: CaseView) -> Response:
    """The bags and what stands against each; the episode's grades; what was given."""
    case = view.case
    scales = list(_scales(view))
    filed = filed_of(view.asked.node, view.look.unit.connection, case, view.now) if case.infusions or case.did(DrugsReserved) else ()
    filed = tuple(one for one in filed if one.at <= view.now)
    held = reserved_doses(case, filed)
    after = view.buttons("after") if case.infusions else []
    unconfirmed = [scale.confirm for scale in scales if scale.confirm and scale.grade and scale.grade.asks and scale.grade.at_most >= 1]
    return view.render(
        "bedside.html",
        bags=list(_bags(view)),
        ties=ties_of(view),
        rests=lambda event: rests_said(view.reader, view.asked.node.dictionary, event),
        scales=scales,
        odd=odd_findings.to_ask(case, view.asked.node.site.node, view.asked.node.escalation.unusual) if view.told_of_calls else (),
        looks=list(_looks(view)) if view.told_of_calls else (),
        answered=list(answered(view, FROM_RECORD)) if case.infusions else [],
        fitness=case.of(FitnessChecked)[::-1],
        judged=view.decisions(entry.event.decision_sha256 for entry in case.of(FitnessChecked)),
        doubted={one.entry: _doubted(view, one) for one in doubted_doses(case, view.asked.node.site.node)},
        reviewed={name: entry for name, entry in last_said(case, view.asked.node.site.node).items() if tells(entry, DoseReviewed)},
        thaws=case.of(ProductThawed),
        reservation=held,
        filed=[(one, _drug(view, one)) for one in filed],
        held=doses_said(view.reader, held, view.now.astimezone(view.asked.node.site.zone).date()),
        may_correct=correcting(view),
        before=view.buttons("here"),
        first=[*(one for one in after if one.command in _FIRST), *unconfirmed],
        after=[one for one in after if one.command not in _FIRST],
    )


def _doubted(view: CaseView, one: DoubtedDose) -> str:
    """What is wrong with the weight of a dose, in words."""
    weight = one.asked.event.weight_kg
    return view.reader.t("bedside.dose_without_weight") if weight is None else view.reader.t("bedside.dose_doubted", weight=view.reader.value(weight, "kg"))


def _looks(view: CaseView) -> Iterator[tuple[str, str]]:
    """Every finding for which somebody looks at the patient now, in words, and the value that is read of it with its moment; empty where none is."""
    node, r = view.asked.node, view.reader
    asked = [entry for entry in asked_findings.to_look(view.case, node.site.node) if entry.event.why != "tied"]
    facts = bedside_facts(node, view.case, view.look.unit.record(view.case), view.now).facts if asked else {}
    for entry in asked:
        reading, why = facts.get(entry.event.fact), entry.event.why
        words = r.t(f"journey.task.finding_{why}", fact=r.fact(entry.event.fact) if entry.event.fact else "")
        shown = reading is not None and reading.value is not None and why in ("raises", "unusual")
        yield words, r.t("bedside.newer_says", value=r.value(reading.value, reading.unit), at=r.moment(reading.at)) if shown and reading is not None else ""


def doses_said(reader: Reader, reserved: Reserved | None, today: date) -> tuple[str, str]:
    """What is held for a patient, what was given of it and what is left, in words, and whether that is well."""
    if reserved is None:
        return reader.t("ward.doses.none"), "open"
    held = reserved.event
    if not held.doses:
        return reader.t("ward.doses.released"), "open"
    if held.until_on < today:
        return reader.t("ward.doses.over", count=held.doses, day=reader.day(held.until_on)), "open"
    if held.from_on > today:
        return reader.t("ward.doses.later", count=held.doses, day=reader.day(held.from_on)), "open"
    words = reader.t("ward.doses.held", count=held.doses, day=reader.day(held.until_on))
    if reserved.given or reserved.filed:
        words = reader.t("ward.doses.left", left=reserved.left, count=held.doses, given=reserved.given, day=reader.day(held.until_on))
    if reserved.filed:
        words = reader.t("page.semicolon").join((words, reader.t("ward.doses.filed", count=len(reserved.filed), by=whose(reader, reserved.filed))))
    if held.shortage_next_within_h is not None:
        words = reader.t("page.semicolon").join((words, reader.t("ward.doses.shortage", hours=held.shortage_next_within_h)))
    return words, "plain" if reserved.left else "open"


def whose(reader: Reader, filed: Sequence[FiledDose]) -> str:
    """Whose the doses are that other systems filed, in words."""
    return reader.t("page.semicolon").join(dict.fromkeys(one.by or reader.t("ward.doses.unknown_system") for one in filed))


def _drug(view: CaseView, one: FiledDose) -> str:
    drugs = view.asked.node.documents.typed.the(Drugs).drugs
    return view.reader.title(drugs[one.atc].names) if one.atc in drugs else one.atc


def _bags(view: CaseView) -> Iterator[tuple[str, object, tuple[str, ...]]]:
    """Each product bag that was released or arrived, with its release and what stands against giving it now."""
    case, situation = view.case, view.look.situation(COMMANDS["Infuse"].needs)
    released = {bag: batch.released.event for batch in case.batches if batch.released for bag in batch.released.event.bags}
    given = {entry.event.bag for entry in case.infusions}
    for bag in sorted({*released, *case.bags_at_centre}):
        release = released.get(bag)
        chain = release.chain_of_identity if release else case.chain_of_identity or ""
        against = () if bag in given else (*bag_reasons(situation, bag, chain, view.now), *infuse_blocked(situation))
        yield bag, release, tuple(dict.fromkeys(map(view.reader.reason, against)))


def _scales(view: CaseView) -> Iterator[Scale]:
    case = view.case
    hashes = [grade.latest.event.decision_sha256 for grade in case.grades.values()]
    documents = view.decisions(hashes)
    may_confirm = not view.read_only and allowed(view.asked, COMMANDS["ConfirmGrade"])
    for name in SCALES:
        grade = case.grades.get(name)
        yield Scale(
            name,
            view.reader.title(view.asked.node.policies.get(name).title),
            grade,
            documents.get(grade.latest.event.decision_sha256) if grade else None,
            _history(view, name),
            _picture(view, name),
            view.action(COMMANDS["ConfirmGrade"], {"scale": name}, f"{view.reader.code('command', 'ConfirmGrade')}: {SHORT[name]}") if grade and may_confirm else None,
            view.reader.t("page.semicolon").join(map(view.fact_label, asked_findings.newer(case, view.asked.node.site.node, name))) if view.told_of_calls else "",
            rests_said(view.reader, view.asked.node.dictionary, grade.latest.event) if grade else "",
        )


def _history(view: CaseView, scale: str) -> tuple[GradeAssessed, ...]:
    since = view.case.infused_at
    found = [entry.event for entry in view.case.of(GradeAssessed) if entry.event.scale == scale and (since is None or entry.event.assessed_at >= since)]
    return tuple(sorted(found, key=lambda event: event.assessed_at))


def _picture(view: CaseView, scale: str) -> Course:
    zone, start = view.asked.node.site.zone, view.case.infused_at
    if start is None:
        return course((), view.now.date())
    graded = [(event.assessed_at.astimezone(zone), event.grade_min, event.grade_max) for event in _history(view, scale)]
    return course(graded, start.astimezone(zone).date())
