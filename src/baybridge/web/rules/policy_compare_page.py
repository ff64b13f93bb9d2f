"""Two policy documents compared in words, rule by rule, and who here would get another answer from the second.

Main job: `COMPARE_DOORS`. Documents are versions of one policy, the site's own against the one that comes with Baybridge, or two policies of one shape.

Elsewhere: what differs in `rulebook/difference.py`; the effect in `policy_effect.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.loader import packaged_data
from baybridge.documents.problems import PolicyProblems
from baybridge.http.doors import Asked, Door
from baybridge.node.options.what_if import tried
from baybridge.policy.document.shapes import Policy
from baybridge.rulebook import difference
from baybridge.rulebook.library import PolicyLibrary
from baybridge.web.page.page import Reader, refused, render, saying_of
from baybridge.web.rules.policy_effect import Effect, effect_of, reach_of
from baybridge.web.rules.policy_pages import asked_policy, is_own, kind_of, may_try

#: How the address names the document that comes with Baybridge, where the site has laid its own over it.
SHIPPED = "shipped"


@dataclass(frozen=True, slots=True)
class Other:
    """A document to compare with: how the address names it, what the reader calls it."""

    name: str
    title: str


def compare_page(asked: Asked) -> Response:
    """What can be compared; with a second document in the address, what differs, and on demand who would get another answer."""
    found = asked_policy(asked)
    if isinstance(found, Refusal):
        return refused(asked, found)
    policy, versions = found
    chosen = asked.query.get("with", "")
    other = _other(asked, policy, chosen) if chosen else None
    if chosen and other is None:
        return refused(asked, refuse(Reason("policy.unknown", {"policy": chosen[:80]}), category=Category.NOT_FOUND))
    saying, may = saying_of(asked), may_try(asked)
    return render(
        asked,
        "policy-compare.html",
        policy=policy,
        other=other,
        chosen=chosen,
        others=list(_others(asked, policy, versions)),
        sections=difference.differences(policy, other, saying) if other else (),
        effect=_effect(asked, policy, other) if other and may and asked.query.get("do") == "effect" else None,
        reach=reach_of(asked, policy, saying) if other and may else "",
    )


def _effect(asked: Asked, policy: Policy, other: Policy) -> Effect | None:
    """Who moves from the first document's answers to the second's; nothing where the record holds none of their facts."""
    result = tried(asked.node, policy, other.text, asked.person)
    return effect_of(asked, policy, result, saying_of(asked)) if result.changes is not None else None


def _other(asked: Asked, policy: Policy, chosen: str) -> Policy | None:
    """The document that the address names: a policy, one of its versions after an @, or the one that comes with Baybridge."""
    library: PolicyLibrary = asked.node.policies
    name, _, version = chosen.partition("@")
    try:
        if chosen == SHIPPED:
            return PolicyLibrary((packaged_data(),), library.fact_types).versions(policy.id)[-1]
        return next((one for one in reversed(library.versions(name)) if version in ("", one.version)), None)
    except (KeyError, PolicyProblems):
        return None


def _others(asked: Asked, policy: Policy, versions: tuple[Policy, ...]) -> Iterator[Other]:
    """What a reader may want to compare with: the same policy's other documents first, then those of its kind, then those of its shape."""
    reader = Reader(asked)
    for one in versions:
        if one.version != policy.version:
            yield Other(f"{one.id}@{one.version}", reader.t("policies.version", version=one.version))
    if is_own(policy) and _other(asked, policy, SHIPPED) is not None:
        yield Other(SHIPPED, reader.t("policies.shared"))
    kind = kind_of(asked.node, policy.id)
    documents = [document for name, document in asked.node.documents.typed.written("policies").items() if name != policy.id and document.get("shape") == policy.shape]
    for document in sorted(documents, key=lambda one: (kind_of(asked.node, str(one["id"])) != kind, reader.title_of("policies", str(one["id"])).casefold())):
        yield Other(str(document["id"]), reader.title_of("policies", str(document["id"])) or str(document["id"]))


COMPARE_DOORS = (Door("/policies/{policy_id}/compare", ("GET",), "policy.compare", "policy.read", compare_page),)
