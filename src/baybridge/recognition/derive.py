"""The facts of one recognition request, as the policy of test recognition reads them.

Main job: `derive(request, settings) -> Derived`; names and labels stand in `data/facts/recognition.yaml`.

**Units**: ages and windows in hours. None is unknown; the policy says what unknown means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from baybridge.base.outcome import Reason
from baybridge.base.time import day_of, parse_day, parse_instant
from baybridge.documents.recognition import LocalTest, Methods, NoOverride, Overriding, Preanalytics
from baybridge.policy.language.types import Value
from baybridge.recognition.converting import Conversion, convert
from baybridge.recognition.laboratory import Paths, newest_eqa, paths
from baybridge.recognition.request import RecognitionRequest
from baybridge.recognition.rules import Settings
from baybridge.recognition.windows import Window, reset_since, window_of
from baybridge.recognition.written import WrittenAsked

ANY = "*"
_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Derived:
    """Facts for the policy, and what else the answer prints."""

    facts: Mapping[str, Value]
    conversion: Conversion
    impossible: tuple[Reason, ...]  # told of a value that cannot be true of a living person
    window: Window
    collected_at: datetime | None
    never_overridden: bool  # the analyte is one that nobody overrides for this purpose


def derive(request: RecognitionRequest, settings: Settings) -> Derived:
    """All facts of a request under these settings."""
    collected_at = _instant(request.result.get("collected_at"))
    collected_on = day_of(collected_at)
    loinc, purpose = request.result.get("loinc"), request.request["purpose"]
    conversion = convert(request.result, request.request.get("unit"), settings.conversions)
    window = window_of(settings.windows, loinc, purpose, asked=request.request.get("reset_events") is not None)
    facts: dict[str, Value] = {
        **_identity(request),
        **_laboratory(paths(request, collected_on, settings.marks, settings.accreditation)),
        **_assessment(request, collected_on),
        **_method(request, settings),
        **_quantity(request, conversion),
        **_preanalytics(request, settings.preanalytics, collected_at),
        **_timing(request, window, collected_at),
        "analyte_local_only": listed(settings.local_only.rows, loinc, purpose),
        **_assertion(request.request, settings.overriding),
    }
    impossible = settings.conversions.impossible(request.result)
    return Derived(facts, conversion, impossible, window, collected_at, listed(settings.overriding.no_override, loinc, purpose))


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)


def _identity(request: RecognitionRequest) -> dict[str, Value]:
    return {
        "result_patient_match": request.result.get("patient_match"),
        "result_status": request.result.get("status"),
        "result_signature_verified": request.result.get("signature_verified"),
        "result_own_laboratory": request.local,
    }


def _laboratory(found: Paths) -> dict[str, Value]:
    return {
        "laboratory_has_marks": found.has_marks,
        "laboratory_mark_covers": found.mark,
        "accreditation_valid": found.accreditation_valid,
        "accreditation_covers": found.accreditation_covers,
        "accreditation_signatory": found.accreditation_signatory,
        "laboratory_listed": found.listed,
        "laboratory_alliance_verified": found.alliance,
    }


def _assessment(request: RecognitionRequest, collected_on: date | None) -> dict[str, Value]:
    newest_on, passed = newest_eqa(request.laboratory, request.result.get("loinc"), collected_on)
    return {
        "eqa_newest_on": newest_on,
        "eqa_newest_passed": passed,
        "eqa_suspended": request.laboratory.get("eqa_suspended"),
        "result_collected_on": collected_on,
    }


def _method(request: RecognitionRequest, settings: Settings) -> dict[str, Value]:
    own, receivers = request.result.get("method"), request.request.get("receiver_method")
    same = None if own is None or receivers is None else own.strip().casefold() == receivers.strip().casefold()
    return {
        "analyte_method_dependent": group_of(settings.methods, request.result.get("loinc")) is not None,
        "method_is_receivers": same,
        "purpose_needs_same_method": request.request["purpose"] in settings.accreditation.no_method_conversion_for,
        "result_use": request.request.get("use"),
    }


def group_of(methods: Methods, loinc: str | None) -> str | None:
    """The method-dependent group of an analyte, if it is in one."""
    return next((group.group for group in methods.groups if loinc in group.loinc), None)


def _quantity(request: RecognitionRequest, conversion: Conversion) -> dict[str, Value]:
    return {
        "unit_differs": conversion.differs,
        "conversion_known": conversion.known,
        "reference_high_known": request.result.get("reference_high") is not None,
    }


def _preanalytics(request: RecognitionRequest, document: Preanalytics, collected_at: datetime | None) -> dict[str, Value]:
    site, loinc = request.request.get("receiver_site"), request.result.get("loinc")
    rows = [row for row in document.rows if row.receiver_site in (ANY, site) and (loinc in row.loinc or ANY in row.loinc)]
    reported_at, interference = _instant(request.result.get("reported_at")), request.result.get("interference")
    waited = None if collected_at is None or reported_at is None else (reported_at - collected_at).total_seconds() / _SECONDS_PER_HOUR
    stable = [None if waited is None else waited <= row.stability_h for row in rows if row.stability_h is not None]
    return {
        "specimen_fits": all(request.result.get("specimen") in row.specimens for row in rows if row.specimens is not None),
        "stability_kept": False if False in stable else None if None in stable else True,
        "result_interference": None if interference is None else bool(interference),
    }


def _timing(request: RecognitionRequest, window: Window, collected_at: datetime | None) -> dict[str, Value]:
    use_at = _instant(request.request.get("use_at"))
    infused = request.request.get("infused_on")
    known = collected_at is not None and use_at is not None
    age_h = (use_at - collected_at).total_seconds() / _SECONDS_PER_HOUR if known else None  # type: ignore[operator]
    return {
        "result_age_h": age_h,
        "window_kind": window.kind,
        "window_h": window.hours,
        "within_window_days": window.within_days(day_of(collected_at), parse_day(infused) if infused else None, age_h),
        "reset_since_collection": reset_since(window, request.request.get("reset_events"), collected_at),
    }


def listed(rows: Iterable[LocalTest | NoOverride], loinc: str | None, purpose: str) -> bool:
    """Whether a row names this analyte for this purpose; `*` names all."""
    return any(
        (loinc in row.loinc or ANY in row.loinc) and (purpose in row.purposes or ANY in row.purposes) for row in rows
    )


def _assertion(given: WrittenAsked, overriding: Overriding) -> dict[str, Value]:
    return {
        "statutory_case": given.get("statutory_case"),
        "statutory_case_by_clinician": given.get("asserted_by") in overriding.clinical_roles,
    }
