"""At the plant: a batch is begun from the right bags, tested, and released or rejected against its specification.

Main job: the rules of `StartManufacture`, `TestProduct`, `Release` and `RecordLateResult`.

**Source**: quality reference F1 (the approved standard of each product governs), F2 (identity), F5 (a product that
fails its standard is not released). Elsewhere: the limits themselves are policy documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.ids import ProductId
from baybridge.base.outcome import Reason, refuse
from baybridge.documents.product import Product
from baybridge.journey.case import Case
from baybridge.journey.cells import Batch
from baybridge.journey.checks import Moment, Unusual, alive, asked_once, digest, local_day, said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.custody import FAILED, ONE_CHAIN, RELEASE, SCANNED, STORAGE
from baybridge.journey.entry import Origin
from baybridge.journey.events import LateResultRecorded, ManufactureStarted, ProductRejected, ProductReleased, ProductTested
from baybridge.journey.labels import labels, labels_in, of_another_case
from baybridge.journey.prefill import FormContext
from baybridge.journey.row import OF_CELLS, PLANT, CommandRow, Correction, EventRow, Second, labels_of, reads, roles, told_in, with_quality
from baybridge.journey.values import Typed
from baybridge.policy.language.types import Value
from baybridge.policy.one_case.decide import Decision
from baybridge.supply import rendering
from baybridge.supply.readings import Result, read_results, wrong_results

#: The limits of a product for which the catalogue names no specification of its own.
GENERIC_SPECIFICATION = "release-generic"


class StartManufacture(Struct, frozen=True, kw_only=True):
    """A batch is begun from collected bags."""

    chain_of_identity: Annotated[str, Meta(description="as scanned")]
    batch: str
    from_bags: Annotated[tuple[str, ...], Meta(description="as scanned")]


class TestProduct(Struct, frozen=True, kw_only=True):
    """Release tests of a batch."""

    batch: str
    results: Annotated[tuple[Result, ...], Meta(description="attribute, value, unit; - for no unit")]


class Release(Struct, frozen=True, kw_only=True):
    """Quality releases a batch, by signature on a certificate."""

    batch: str
    bags: Annotated[tuple[str, ...], Meta(description="product bags as labelled")]
    expires_at: Moment
    storage_max_c: Annotated[float | None, Meta(description="warmest storage that the label allows; the catalogue's where left out")] = None
    certificate: str
    unusual: Unusual = False


class RecordLateResult(Struct, frozen=True, kw_only=True):
    """A result of a batch that was released already: final sterility, or a test that was made again."""

    batch: str
    results: Annotated[tuple[Result, ...], Meta(description="attribute, value, unit; - for no unit")]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A batch against its specification: what failed, what is not known, and the decision."""

    decision: Decision
    failed: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def outcome(self) -> str:
        """The decision's own word."""
        return self.decision.outcome


def nothing_arrived(situation: Situation) -> Iterator[Reason]:
    """No bag of the current therapy event has reached this plant."""
    yield from alive(situation)
    yield from _given(situation)
    if not _arrived(situation, situation.case.chain_of_identity or ""):
        yield Reason("supply.manufacture.nothing_arrived", source=SCANNED)


def _given(situation: Situation) -> Iterator[Reason]:
    """The product of the current therapy event was given: nothing more is made of its cells."""
    chain = situation.case.chain_of_identity
    if any(entry.event.chain_of_identity == chain for entry in situation.case.infusions):
        yield Reason("supply.manufacture.given", source=ONE_CHAIN)


def no_open_batch(situation: Situation) -> Iterator[Reason]:
    """No batch was begun that is neither released nor rejected."""
    yield from alive(situation)
    if not any(batch.started is not None and batch.open for batch in situation.case.batches):
        yield Reason("supply.release.no_open_batch")


def start_manufacture(situation: Situation, given: StartManufacture) -> Verdict:
    """The batch begins, or every reason against."""
    against = (*alive(situation), *_given(situation), *_material(situation, given))
    if against:
        return refuse(*against)
    return (ManufactureStarted(chain_of_identity=given.chain_of_identity, batch=given.batch.strip(), from_bags=given.from_bags),)


def _material(situation: Situation, given: StartManufacture) -> Iterator[Reason]:
    case, bags = situation.case, set(given.from_bags)
    if case.slot is None:
        yield Reason("supply.manufacture.no_slot")
    elif case.plant_node != situation.site.node:
        yield Reason("supply.manufacture.wrong_site", {"node": case.plant_node or ""})
    if given.chain_of_identity != case.chain_of_identity:
        yield Reason("supply.manufacture.wrong_chain", source=SCANNED, where="chain_of_identity")
    if not said(given.batch) or labels("batch", (given.batch,)) & labels_in(case) or any(batch.batch == given.batch.strip() for batch in case.batches):
        yield Reason("supply.manufacture.batch_taken", where="batch")
    yield from of_another_case(situation, "batch", (given.batch,), "batch")
    if not bags or not bags <= _arrived(situation, given.chain_of_identity):
        yield Reason("supply.manufacture.not_received", source=SCANNED, where="from_bags")
    if bags & case.quarantined:
        yield Reason("supply.manufacture.quarantined", source=STORAGE, where="from_bags")


def _arrived(situation: Situation, chain: str) -> set[str]:
    shipments = situation.case.shipments_on("to_plant", chain)
    return {bag for s in shipments if s.received for bag in s.received.event.bags}


def test_product(situation: Situation, given: TestProduct) -> Verdict:
    """The results are recorded with what the specification says of all results so far; out of specification is said, not hidden."""
    batch = _batch(situation, given.batch)
    against = (*alive(situation), *_open(batch), *_results(situation, given))
    if against or batch is None:
        return refuse(*against)
    judged = judge(situation, _known(situation, batch, given.results))
    event = ProductTested(batch=batch.batch, results=given.results, outcome=judged.outcome, decision_sha256=digest(judged.decision))
    return (event,)


def no_released_batch(situation: Situation) -> Iterator[Reason]:
    """No batch of this case was released here; what a patient was given is judged after the patient's death too."""
    if not any(batch.released is not None and not batch.released.origin.told for batch in situation.case.batches):
        yield Reason("supply.late.no_released_batch")


def record_late_result(situation: Situation, given: RecordLateResult) -> Verdict:
    """The results are recorded with what the specification says of them; out of specification is said at once to whoever has the product."""
    batch = _batch(situation, given.batch)
    against = [*no_released_batch(situation), *_results(situation, given)]
    if batch is None or batch.released is None:
        against.append(Reason("supply.late.not_released", where="batch"))
    if against or batch is None:
        return refuse(*against)
    values = read_results(situation, given.results)
    judged = judge(situation, values)
    beyond = _beyond(situation, values)
    failed = tuple(sorted({*judged.failed, *(beyond.failed if beyond else ())}))
    critical = any(one.decision.values.get("critical") is True for one in (judged, beyond) if one is not None)
    outcome = beyond.outcome if beyond is not None and beyond.failed else judged.outcome
    return (
        LateResultRecorded(batch=batch.batch, results=given.results, outcome=outcome, failed=failed, critical=critical, decision_sha256=digest(judged.decision)),
    )


def _beyond(situation: Situation, values: Mapping[str, Typed]) -> Judgement | None:
    """What the generic specification says of attributes for which the product's own has no limit: a failure is one whatever the document forgot."""
    limits = situation.documents.policy(specification(situation)).get("limits") or ()
    more = {name: value for name, value in values.items() if name not in {limit["fact"] for limit in limits}}
    return _judged(situation, GENERIC_SPECIFICATION, more) if more else None


def release(situation: Situation, given: Release) -> Verdict:
    """The batch is released; rejected where an attribute is out of its limit; refused where one is not known."""
    batch = _batch(situation, given.batch)
    against = [*alive(situation), *_open(batch), *_label(situation, given), *_reviewer(situation, batch)]
    if batch is None:
        return refuse(*against)
    judged = so_far(situation, batch)
    if not judged.failed:
        against.extend(_untested(batch, judged))
    if against:
        return refuse(*against)
    if judged.failed:
        return (_rejected(situation, batch, judged),)
    return (_released(situation, batch, given, judged),)


def _rejected(situation: Situation, batch: Batch, judged: Judgement) -> ProductRejected:
    chain = batch.chain_of_identity or situation.case.chain_of_identity or ""
    return ProductRejected(batch=batch.batch, chain_of_identity=chain, failed=judged.failed, decision_sha256=digest(judged.decision))


def _released(situation: Situation, batch: Batch, given: Release, judged: Judgement) -> ProductReleased:
    limit = given.storage_max_c if given.storage_max_c is not None else label_limit(situation)
    return ProductReleased(
        batch=batch.batch,
        product=_product(situation),
        chain_of_identity=batch.chain_of_identity or "",
        bags=given.bags,
        expires_at=given.expires_at,
        storage_max_c=limit if limit is not None else 0.0,
        specification=specification(situation),
        decision_sha256=digest(judged.decision),
        certificate=given.certificate.strip(),
    )


def judge(situation: Situation, attributes: Mapping[str, Typed]) -> Judgement:
    """What the product's specification says of this batch; what was not measured on it is unknown, whatever an earlier batch had."""
    return _judged(situation, specification(situation), attributes)


def _judged(situation: Situation, policy: str, attributes: Mapping[str, Typed]) -> Judgement:
    limits = situation.documents.policy(policy).get("limits") or ()
    values: dict[str, Value] = {**dict.fromkeys((limit["fact"] for limit in limits), None), **attributes}
    decision = situation.decide(policy, values)
    failed = tuple(reason.criterion for reason in decision.reasons if reason.holds is False)
    unknown = tuple(reason.criterion for reason in decision.reasons if reason.holds is None)
    return Judgement(decision, failed, tuple(sorted({*unknown, *decision.missing})))


def product_of_batch(situation: Situation) -> Product | None:
    """The catalogue's entry of the product that is made; None where it has none."""
    return situation.products.get(_product(situation))


def _product(situation: Situation) -> ProductId:
    """The product that the slot was reserved for."""
    slot = situation.case.slot
    return ProductId(slot.event.product if slot else situation.case.product or "")


def specification(situation: Situation) -> str:
    """The policy that holds the product's release limits."""
    product = product_of_batch(situation)
    return (product.specification if product else None) or GENERIC_SPECIFICATION


def label_limit(situation: Situation) -> float | None:
    """The warmest storage that the product's label allows, in degrees Celsius; None where the catalogue does not know it."""
    product = product_of_batch(situation)
    return float(product.storage_max_c) if product is not None and product.storage_max_c is not None else None


def _batch(situation: Situation, name: str) -> Batch | None:
    return next((batch for batch in situation.case.batches if batch.batch == name.strip()), None)


def counting(situation: Situation, results: Iterable[Result]) -> dict[str, Result]:
    """Of results in the order in which they were entered, the one of each attribute that counts.

    One that is out of its limit stands, whatever is measured later: a result that was wrong is put right as an entry, by two persons. Else the later one stands.
    One that another node told and that does not fit here (a text for a number, another unit) counts nowhere.
    """
    found: dict[str, Result] = {}
    failed: set[str] = set()
    for result in results:
        attribute = result[0]
        if attribute in failed or any(wrong_results(situation, (result,))):
            continue
        found[attribute] = result
        if attribute in judge(situation, read_results(situation, (result,))).failed:
            failed.add(attribute)
    return found


def measured(batch: Batch) -> tuple[Result, ...]:
    """Every result of a batch, in the order in which they were entered."""
    return tuple(result for entry in batch.tests for result in entry.event.results)


def so_far(situation: Situation, batch: Batch) -> Judgement:
    """What the specification says of all results of a batch so far: what a release would rest on."""
    return judge(situation, _known(situation, batch))


def _known(situation: Situation, batch: Batch, more: tuple[Result, ...] = ()) -> dict[str, Typed]:
    """All results so far and these, one value for each attribute."""
    return read_results(situation, tuple(counting(situation, (*measured(batch), *more)).values()))


def _open(batch: Batch | None) -> Iterator[Reason]:
    if batch is None or batch.started is None:
        yield Reason("supply.release.batch_unknown", where="batch")
    elif batch.released is not None:
        yield Reason("supply.release.already", where="batch")
    elif batch.rejected is not None:
        yield Reason("supply.release.rejected", source=FAILED, where="batch")


def _results(situation: Situation, given: TestProduct | RecordLateResult) -> Iterator[Reason]:
    if not given.results:
        yield Reason("supply.test.none", where="results")
    named = [attribute for attribute, _, _ in given.results]
    for attribute in sorted({name for name in named if named.count(name) > 1}):
        yield Reason("supply.test.twice", {"attribute": attribute}, where=attribute)
    yield from wrong_results(situation, given.results)


def _untested(batch: Batch, judged: Judgement) -> Iterator[Reason]:
    if not batch.tests:
        yield Reason("supply.release.untested", source=RELEASE)
    elif judged.unknown:
        values = {"attributes": ", ".join(judged.unknown)}
        yield Reason("supply.release.unknown_attributes", values, source=RELEASE)


def _reviewer(situation: Situation, batch: Batch | None) -> Iterator[Reason]:
    """Neither of the two who release made the tests, nor wrote another result in the place of one."""
    if batch is None:
        return
    by = [*(entry.origin for entry in batch.tests), *_rewritten(situation.case, batch)]
    actor, others = situation.actor, [one for one in situation.signed_by if one.person != situation.actor.person]
    if any(origin.is_of(actor.account, actor.person) for origin in by):
        yield Reason("supply.release.reviewer_is_analyst", source=RELEASE)
    if any(origin.is_of(one.account, one.person) for origin in by for one in others):
        yield Reason("supply.release.second_is_analyst", source=RELEASE)


def _rewritten(case: Case, batch: Batch) -> Iterator[Origin]:
    """By whom a result of this batch was replaced with another one."""
    for struck in case.struck:
        if struck.by.event.replaced_by and isinstance(struck.entry.event, ProductTested) and struck.entry.event.batch == batch.batch:
            yield struck.by.origin


def _label(situation: Situation, given: Release) -> Iterator[Reason]:
    wanted = labels("bag", given.bags)
    if not given.bags or len(wanted) != len(given.bags) or wanted & labels_in(situation.case):
        yield Reason("supply.release.bags", source=ONE_CHAIN, where="bags")
    yield from of_another_case(situation, "bag", given.bags, "bags")
    yield from _expiry(situation, given)
    if not said(given.certificate):
        yield Reason("supply.release.no_certificate", source=RELEASE, where="certificate")
    yield from _storage(situation, given)


def _expiry(situation: Situation, given: Release) -> Iterator[Reason]:
    """It is not over yet; longer than cells are usually kept is asked about, longer than any are is refused."""
    usual = situation.limits.plausible
    if given.expires_at <= situation.now:
        yield Reason("supply.release.expired", where="expires_at")
    elif given.expires_at > situation.now + timedelta(days=usual.shelf_most_d):
        yield Reason("supply.release.expiry_impossible", {"most": usual.shelf_most_d}, source=usual.source, where="expires_at")
    else:
        yield from asked_once(_kept_long(situation, given), unusual=given.unusual)


def _kept_long(situation: Situation, given: Release) -> Iterator[Reason]:
    """The expiry lies beyond the shelf life that a label of the product names; beyond what is usual where none is established."""
    product, usual = product_of_batch(situation), situation.limits.plausible
    shelf = product.shelf_life if product else None
    days, source = (shelf.days, shelf.source) if shelf else (usual.shelf_d, usual.source)
    if given.expires_at > situation.now + timedelta(days=days):
        values: dict[str, str | int] = {"day": local_day(situation, given.expires_at).isoformat(), "days": days, "product": _product(situation)}
        yield Reason("supply.release.expiry_long", values, source=source, where="unusual")


def _storage(situation: Situation, given: Release) -> Iterator[Reason]:
    """The warmest storage is that of the label or colder; where no label is known, neither warmer than frozen cells bear nor colder than liquid nitrogen."""
    known, frozen = label_limit(situation), situation.limits.product
    if given.storage_max_c is not None and given.storage_max_c < frozen.coldest_c:
        yield Reason("supply.release.storage_impossible", {"coldest_c": str(frozen.coldest_c)}, source=STORAGE, where="storage_max_c")
    if given.storage_max_c is not None and known is None and given.storage_max_c > frozen.band_3_c:
        yield Reason("supply.release.storage_too_warm", {"warmest_c": str(frozen.band_3_c)}, source=STORAGE, where="storage_max_c")
    if given.storage_max_c is None and known is None:
        yield Reason("supply.release.no_storage_limit", source=STORAGE, where="storage_max_c")
    elif given.storage_max_c is not None and known is not None and given.storage_max_c > known:
        values = {"label_c": str(known)}
        yield Reason("supply.release.storage_above_label", values, source=STORAGE, where="storage_max_c")


def new_batch(_: FormContext) -> Mapping[str, object]:
    """A batch that begins has a name of its own."""
    return {"bags": None, "batch": None}


def fresh_labels(_: FormContext) -> Mapping[str, object]:
    """The bags of a product are labelled at its release."""
    return {"bags": None}


def released_batch(context: FormContext) -> Mapping[str, object]:
    """The batch that was released last."""
    released = [batch.batch for batch in context.case.batches if batch.released is not None]
    return {"batch": released[-1] if released else None}


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        StartManufacture, start_manufacture, roles(Role.MANUFACTURER),
        (EventRow(ManufactureStarted, rendering.manufacture, told_in("COI_LOGISTICS"), only_from="plant"),),
        page="cells",
        correction=OF_CELLS,
        kinds=PLANT,
        step="manufacture",
        purpose="manufacture",
        needs=reads("labels_elsewhere"),
        blocked=nothing_arrived,
        place=70,
        prefill=new_batch,
        scanned=labels_of(StartManufacture),
    ),
    CommandRow(
        TestProduct, test_product, roles(Role.LABORATORY, Role.MANUFACTURER, Role.QUALITY),
        (EventRow(ProductTested, rendering.tested, told_in("COI_LOGISTICS"), only_from="plant"),),
        page="cells",
        correction=Correction(Role.QUALITY, second="always"),
        kinds=PLANT,
        step="test_product",
        purpose="manufacture",
        blocked=no_open_batch,
        place=80,
    ),
    CommandRow(
        Release, release, roles(Role.QUALITY),
        (
            EventRow(ProductReleased, rendering.released, told_in("CARE_REFERRAL", "COI_LOGISTICS"), only_from="plant"),
            EventRow(ProductRejected, rendering.rejected, told_in("COI_LOGISTICS"), only_from="plant"),
        ),
        page="cells",
        correction=Correction(Role.QUALITY, second="always"),
        kinds=PLANT,
        step="release",
        purpose="manufacture",
        needs=reads("labels_elsewhere"),
        blocked=no_open_batch,
        place=90,
        prefill=fresh_labels,
        second=Second("approved", among=with_quality, entered="released", otherwise={ProductRejected: ("rejected", "approved_rejection")}),
    ),
    CommandRow(
        RecordLateResult, record_late_result, roles(Role.LABORATORY, Role.MANUFACTURER, Role.QUALITY),
        (EventRow(LateResultRecorded, rendering.late_result, told_in("CARE_REFERRAL", "COI_LOGISTICS"), only_from="plant"),),
        page="cells",
        correction=Correction(Role.QUALITY, second="always"),
        kinds=PLANT,
        purpose="manufacture",
        blocked=no_released_batch,
        place=95,
        prefill=released_batch,
    ),
)
