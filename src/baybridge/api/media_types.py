"""In which form FHIR is spoken here: JSON. Who asks for another one alone, or sends it, is told so.

Main job: `against(asked)`, why a request is refused for the form that it asks for (406) or sends (415).

**Source**: FHIR R4, RESTful API, "Content Types and encodings"; RFC 9110, 12.5.1 (Accept) and 15.5.16. `_format` counts before `Accept`.
"""

from __future__ import annotations

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.http.doors import Asked

#: Ranges of types in which an answer in JSON is one.
_JSON = frozenset({"*/*", "application/*", "application/json", "application/fhir+json", "application/json+fhir", "text/json", "text/*", "text/html"})
#: Parts of the names of types that are another form of a resource.
_OTHERS = ("xml", "turtle", "rdf", "ndjson", "n-triples", "ld+json")


def against(asked: Asked) -> Refusal | None:
    """Why neither what is asked for nor what is sent can be JSON; None where it can."""
    if "_format" not in asked.query and not takes_json(asked.headers.get("accept", "")):
        return refuse(Reason("record.not_acceptable", {"known": "application/fhir+json, application/json"}), category=Category.INVALID)
    sent = asked.headers.get("content-type", "").partition(";")[0].strip().lower()
    if asked.body and any(other in sent for other in _OTHERS):
        return refuse(Reason("record.media_type", {"known": "application/fhir+json, application/json"}), category=Category.INVALID)
    return None


def takes_json(accept: str) -> bool:
    """Whether a header `Accept` leaves JSON among what may be answered; one that is empty or cannot be read does."""
    ranges = [one.partition(";") for one in accept.lower().split(",") if one.strip()]
    wanted = {name.strip() for name, _, rest in ranges if not _is_nought(rest)}
    return not ranges or bool(wanted & _JSON) or not any("/" in name for name, _, _ in ranges)


def _is_nought(parameters: str) -> bool:
    """Whether the weight of a range is zero: it is not wanted."""
    weights = [one.partition("=")[2].strip() for one in parameters.split(";") if one.strip().startswith("q=")]
    return any(weight.strip("0.") == "" and weight != "" for weight in weights)
