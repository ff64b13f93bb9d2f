"""Which kind of document stands where: the type of each document of `data/` by its folder and id.

Main job: `kind_of_document(folder, name)`, the type; `is_merged(folder)`, whether a site's document is laid over ours part by part.

A type is imported when it is first asked for. Rule documents (policies, plans, agreements) are never merged: half a rule of ours is no rule of anybody.
Elsewhere: the form of policies in `policy/document/`, of plans in `documents/plan.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

#: Any id of a folder.
ANY = "*"
#: Rule documents: read by their own checkers, replaced whole by a site.
RULES = frozenset({"policies", "plans"})
#: Entries stand by their own keys in files without an id.
KEYED = frozenset({"facts", "translations"})

_DIRECTORY = {
    "cities": "organisations:Cities",
    "contracts": "contracts:Contracts",
    "editing": "laboratories:Editing",
    "holidays": "organisations:Holidays",
    "laboratories": "laboratories:Laboratories",
    "organisations": "organisations:Organisations",
    "payers": "organisations:Payers",
    "routes": "organisations:Routes",
}
_RECOGNITION = {
    "accreditation": "recognition:Accreditations",
    "conversions": "recognition:Conversions",
    "costs": "recognition:Costs",
    "local-only": "recognition:LocalOnly",
    "marks": "recognition:Marks",
    "methods": "recognition:Methods",
    "names": "recognition:Names",
    "overriding": "recognition:Overriding",
    "preanalytics": "recognition:Preanalytics",
    "reading": "recognition:Requests",
    "sampling": "recognition:Sampling",
    "windows": "recognition:Windows",
}
#: Folder -> id -> file and type.
KINDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "access": {"people": "people:People", "sign-in": "sign_in:SignIn"},
        "breaches": {ANY: "breaches:BreachLaw"},
        "person-requests": {ANY: "person_requests:RequestLaw"},
        "card-issuers": {ANY: "feed:Issuer"},
        "directory": _DIRECTORY,
        "exchange": {
            "content": "exchange:SpecialContent", "payer_view": "exchange:PayerView", "plant_view": "exchange:PlantView", "profiles": "exchange:Profiles",
        },
        "facts": {ANY: "fact:FactEntry"},
        "feeds": {ANY: "feed:Feed"},
        "messages": {"outbox": "messages:Outbox"},
        "keeping": {"backups": "backups:Backups", "downtime": "downtime:Downtime"},
        "languages": {ANY: "region:LanguageEntry"},
        "loggers": {ANY: "loggers:LoggerLayout"},
        "pathways": {
            "border-papers": "border_papers:BorderPapers",
            "cold-chain": "limits:Limits",
            "escalation": "escalation:Escalation",
            "standard": "pathway:Pathway",
            ANY: "pathway:Schedule",
        },
        "products": {ANY: "product:Product"},
        "recognition": _RECOGNITION,
        "retention": {ANY: "retention:Retention"},
        "regions": {ANY: "region:RegionEntry"},
        "safety": {"hazards": "hazards:HazardLog"},
        "telling": {"patients": "patients:Patients", "told": "telling:Told", "whose": "telling:Whose"},
        "terms": {
            "answers": "terms:Answers",
            "choices": "terms:Choices",
            "diagnoses": "terms:Diagnoses",
            "drugs": "terms:Drugs",
            "fact-groups": "terms:FactGroups",
            "glossary": "terms:Glossary",
            "printed": "printed:Printed",
            "regimens": "terms:Regimens",
            "treatments": "terms:Treatments",
            "units": "terms:Units",
        },
        "timing": {
            "label-times": "timing:LabelTimes",
            "payer-time-limits": "timing:TimeLimits",
            "recovery": "timing:Recovery",
            "vein-to-vein": "timing:VeinToVein",
            "washouts": "timing:Washouts",
        },
        "trials": {"published-response": "trials:PublishedResponses"},
    }
)
#: Every folder that a data folder may have.
FOLDERS = frozenset(KINDS) | RULES | KEYED


def kind_of_document(folder: str, name: str) -> type | None:
    """The type of a document; None where the folder has no document of that id, or its documents have their own checker."""
    kinds = KINDS.get(folder.split("/", 1)[0], {})
    named = kinds.get(name) or kinds.get(ANY)
    if named is None:
        return None
    module, _, kind = named.partition(":")
    found: type = getattr(import_module(f"baybridge.documents.{module}"), kind)
    return found


def place_of_kind(kind: type) -> tuple[str, str]:
    """Folder and id of the one document of this type; StopIteration where a folder has many of them."""
    named = f"{kind.__module__.rsplit('.', 1)[-1]}:{kind.__name__}"
    return next((folder, name) for folder, kinds in KINDS.items() for name, known in kinds.items() if known == named and name != ANY)


def is_merged(folder: str) -> bool:
    """Whether a site's document is laid over ours part by part."""
    return folder.split("/", 1)[0] not in RULES
