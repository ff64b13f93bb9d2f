"""The facts of one transfer request, as the policies `transfer-route` and `transfer-check` read them.

Main job: `derive(request, profiles, holidays) -> facts`; names and labels stand in `data/facts/transfer.yaml`.

**Units**: working days of the exporter's jurisdiction. Every day is the calendar day of the exporter, however an instant is written. None is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import cast

from baybridge.base.outcome import Reason
from baybridge.base.time import working_days_between
from baybridge.documents.exchange import Profiles
from baybridge.documents.organisations import Calendar
from baybridge.exchange.transfer.request import TransferRequest, WrittenConsents, WrittenContract, day_of, known_day
from baybridge.policy.language.types import Value

#: Origin systems whose records need a sharing consent. Source: exchange contract, transfer check (`ehealth`).
SHARING_SYSTEM = "ehealth"
#: The contract that is filed within ten working days. Source: exchange contract, transfer check ("only `gba` contracts are filed").
_FILED_KIND = "gba"
#: Of a region without one: no day is listed.
_NO_CALENDAR = Calendar(holidays=())


def derive(request: TransferRequest, profiles: Profiles, holidays: Mapping[str, Calendar]) -> dict[str, Value]:
    """All facts of a request but the route, which another policy decides from these."""
    on = day_of(request.transfer["at"])
    return {
        **_parties(request),
        **_data(request, profiles),
        **_safeguards(request, on),
        **_contract(request, on, holidays),
        **_consents(request.consents),
        **_named_consent(request, profiles),
    }


def _parties(request: TransferRequest) -> dict[str, Value]:
    exporter, importer = request.exporter, request.importer
    return {
        "transfer_same_jurisdiction": exporter["jurisdiction"] == importer["jurisdiction"],
        "transfer_emergency": request.transfer.get("emergency"),
        "exporter_jurisdiction": exporter["jurisdiction"],
        "importer_jurisdiction": importer["jurisdiction"],
        "exporter_gd9": exporter.get("gd9"),
        "importer_gd9": importer.get("gd9"),
        "exporter_ciio": exporter.get("ciio"),
        "exporter_sensitive_persons": exporter.get("ytd_sensitive_persons"),
        "exporter_other_persons": exporter.get("ytd_other_persons"),
    }


def _data(request: TransferRequest, profiles: Profiles) -> dict[str, Value]:
    transfer = request.transfer
    allowed, categories = profiles.purposes[transfer["purpose"]].types, transfer.get("data_categories")
    return {
        "data_important": transfer.get("important_data"),
        "data_genomic": transfer.get("contains_genomic"),
        "data_genomic_for_care": transfer.get("genomic_for_care"),
        "data_origin": transfer.get("origin"),
        "data_mixed_with_mainland": transfer.get("mixed_with_cn_data"),
        "data_received_under": transfer.get("received_under"),
        "data_from_ehealth": transfer.get("origin_system") == SHARING_SYSTEM,
        "data_within_profile": None if categories is None else set(categories) <= set(allowed),
    }


def _safeguards(request: TransferRequest, on: date) -> dict[str, Value]:
    transfer, name = request.transfer, request.importer.get("name")
    recipients = transfer.get("recipients")
    return {
        "transfer_on": on,
        "transfer_encrypted": transfer.get("encrypted"),
        "retention_ends_on": known_day(transfer.get("retention_until")),
        "importer_is_recipient": None if recipients is None or name is None else name in recipients,
        "pipia_valid_until": known_day((request.pipia or {}).get("valid_until")),
    }


def _contract(request: TransferRequest, on: date, holidays: Mapping[str, Calendar]) -> dict[str, Value]:
    contract = request.contract or WrittenContract()
    purposes = contract.get("purposes")
    return {
        "contract_kind": contract.get("kind"),
        "contract_effective_on": known_day(contract.get("effective_on")),
        "contract_filing_working_days": _filing_days(contract, on, holidays.get(request.exporter["jurisdiction"], _NO_CALENDAR)),
        "contract_lists_purpose": None if purposes is None else request.transfer["purpose"] in purposes,
    }


def _filing_days(contract: WrittenContract, on: date, calendar: Calendar) -> int | None:
    """Working days from effect to filing; to the transfer where it is not filed yet, which an announced day does not change."""
    window = _filing_window(contract, on)
    return None if window is None else working_days_between(*window, calendar.holidays, calendar.make_up_days)


def _filing_window(contract: WrittenContract, on: date) -> tuple[date, date] | None:
    effective, filed = known_day(contract.get("effective_on")), known_day(contract.get("filed_on"))
    return None if effective is None else (effective, on if filed is None or filed > on else filed)


def unknown_days(code: str, contract: WrittenContract | None, on: date, holidays: Mapping[str, Calendar]) -> Iterator[Reason]:
    """What of the calendar of an exporter's jurisdiction is not known between effect and filing: years without a list, days that are not verified.

    Only contracts of the Bay Area are filed; for any other there is nothing to count.
    """
    calendar, window = holidays.get(code, _NO_CALENDAR), _filing_window(contract or WrittenContract(), on)
    if window is None or window[0] >= window[1] or (contract or WrittenContract()).get("kind") != _FILED_KIND:
        return
    listed = {day.year for day in calendar.holidays}
    for year in range(window[0].year, window[1].year + 1):
        if year not in listed:
            yield Reason("exchange.transfer.no_holiday_list", {"jurisdiction": code, "year": str(year)}, where="contract")
    for day in calendar.unverified:
        if window[0] < day <= window[1]:
            yield Reason("exchange.transfer.unverified_day", {"jurisdiction": code, "day": day.isoformat()}, where="contract")


def _named_consent(request: TransferRequest, profiles: Profiles) -> dict[str, Value]:
    """Whether the purpose names a consent of its own, and whether that was given."""
    named = profiles.purposes[request.transfer["purpose"]].consent
    given = cast("Mapping[str, bool | None]", request.consents)
    return {"purpose_names_consent": named is not None, "consent_named": given.get(named) if named is not None else None}


def _consents(consents: WrittenConsents) -> dict[str, Value]:
    return {
        "consent_care": consents.get("care"),
        "consent_sensitive": consents.get("sensitive"),
        "consent_cross_border": consents.get("cross_border"),
        "consent_hk_sharing": consents.get("hk_sharing"),
        "consent_mo_ground": consents.get("mo_ground"),
        "dspdp_notified": consents.get("dspdp_notified"),
        "consent_withdrawn_on": known_day(consents.get("withdrawn_on")),
    }
