"""Policies as documents to read: the list with its search, and one policy with its rules in words, sources, versions and worked cases.

Main job: `POLICY_DOORS`. What is shown is the document that decides here: ours, or the site's own laid over it.

Elsewhere: rules in words in `policy_view.py`; where a policy is used in `policy_use.py`; trying a change in `what_if_page.py`, comparing two documents in
`policy_compare_page.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from baybridge.base.ids import ProductId
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.loader import packaged_data
from baybridge.documents.problems import PolicyProblems
from baybridge.documents.product import Product
from baybridge.facts.dictionary import Fact
from baybridge.http.doors import Asked, Door
from baybridge.matching.eligibility import label_policies
from baybridge.node.node import Node
from baybridge.node.people import access
from baybridge.policy.document.shapes import Policy
from baybridge.rulebook import view
from baybridge.rulebook.library import UnknownPolicyError
from baybridge.rulebook.speaker import Saying
from baybridge.web.page.page import Reader, refused, render, saying_of
from baybridge.web.rules.policy_use import tabs_of, uses

#: Kinds of policy in the order in which a case meets them, by the folder or name of the document.
KINDS = ("eligibility", "fitness", "recognition", "transfer", "release", "grades", "scores", "series")
#: How facts reach a policy that no record holds.
ASKED_FOR = frozenset({"given", "derived"})


# --- the list -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filter:
    """What a reader looks for; empty parts look for everything."""

    text: str = ""
    kind: str = ""
    product: str = ""
    jurisdiction: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filter:
        """The filter that an address asks for."""
        return cls(query.get("q", "").strip()[:100], query.get("kind", ""), query.get("product", ""), query.get("jurisdiction", ""))

    def fits(self, document: Mapping[str, object], kind: str, products: Iterable[str], names: Iterable[str]) -> bool:
        """Whether a document of a kind, about these products with these names, is looked for; everywhere is in every jurisdiction."""
        places = jurisdictions_of(document)
        return (
            self.kind in ("", kind)
            and (not self.product or self.product in products)
            and (not self.jurisdiction or not places or self.jurisdiction in places)
            and all(word in _searched(document, names) for word in self.text.casefold().split())
        )


def jurisdictions_of(document: Mapping[str, object]) -> list[str]:
    """The jurisdictions that a document names; none where it holds everywhere."""
    places = document.get("jurisdiction")
    return [str(place) for place in places] if isinstance(places, list) else []


def _searched(document: Mapping[str, object], names: Iterable[str]) -> str:
    title = document.get("title") or {}
    titles = title.values() if isinstance(title, Mapping) else (title,)
    parts = (document.get("id"), *titles, document.get("source"), document.get("notes"), *names)
    return " ".join(str(part) for part in parts if part).casefold()


def policy_list(asked: Asked) -> Response:
    """Policies by kind, with jurisdiction, days in force and confidence; searched and filtered by the address."""
    documents = asked.node.documents.typed.written("policies")
    products = asked.node.documents.typed.products
    wanted = Filter.of(asked.query)
    about = _products_of(products)
    kinds = {str(name): kind_of(asked.node, str(name)) for name in documents}
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for name, document in documents.items():
        concerned = about.get(name, ())
        if wanted.fits(document, kinds[name], concerned, [word for one in concerned for word in _names(products[one])]):
            groups.setdefault(kinds[name], []).append(document)
    reader = Reader(asked)
    titled = {name: reader.title(product.names) or name for name, product in products.items()}
    ordered = [(kind, sorted(groups[kind], key=lambda one: str(one["id"]))) for kind in (*KINDS, "other") if kind in groups]
    return render(
        asked,
        "policies.html",
        groups=ordered,
        count=sum(map(len, groups.values())),
        all=len(documents),
        wanted=wanted,
        kinds=[kind for kind in (*KINDS, "other") if kind in kinds.values()],
        products=sorted(((name, titled[name]) for name in {one for found in about.values() for one in found}), key=lambda pair: pair[1].casefold()),
        places=sorted({place for document in documents.values() for place in jurisdictions_of(document)}),
    )


def _products_of(products: Mapping[ProductId, Product]) -> dict[str, tuple[ProductId, ...]]:
    """Which products each policy is about: their labels and their release specifications."""
    found: dict[str, tuple[ProductId, ...]] = {}
    for name, product in products.items():
        for policy in dict.fromkeys((*label_policies(product), product.specification)):
            if policy:
                found[policy] = (*found.get(policy, ()), name)
    return found


def _names(product: Product) -> list[str]:
    trade = [name for one in product.trade_names for name in (one.name, one.latin) if name]
    return [*product.names.values(), *trade]


def kind_of(node: Node, name: str) -> str:
    """The kind of a policy: the folder in which its document lies."""
    folder = node.policies.files(name)[-1].parent.name
    return folder if folder in KINDS else "other"


# --- one policy -----------------------------------------------------------------------------------------------------


def asked_policy(asked: Asked) -> tuple[Policy, tuple[Policy, ...]] | Refusal:
    """The policy that an address names, in the version that it names (else the newest), with all versions; or why there is none."""
    name, version = asked.parameters["policy_id"], asked.query.get("version", "")
    unknown = refuse(Reason("policy.unknown", {"policy": name[:80]}), category=Category.NOT_FOUND)
    try:
        versions: tuple[Policy, ...] = asked.node.policies.versions(name)
    except (UnknownPolicyError, PolicyProblems):
        return unknown
    chosen = [policy for policy in versions if version in ("", policy.version)]
    return (chosen[-1], versions) if chosen else unknown


def policy_page(asked: Asked) -> Response:
    """One policy as a document."""
    found = asked_policy(asked)
    if isinstance(found, Refusal):
        return refused(asked, found)
    policy, versions = found
    saying = saying_of(asked)
    return render(
        asked,
        "policy.html",
        policy=policy,
        versions=versions,
        kind=kind_of(asked.node, policy.id),
        own=is_own(policy),
        uses=uses(asked.node, policy.id),
        tabs=tabs_of(asked.node, policy.id),
        groups=view.groups(policy, saying),
        bands=view.bands(policy, saying),
        terms=view.terms(policy, saying),
        marks=view.marks(policy, saying),
        facts=[(name, asked.node.dictionary[name]) for name in policy.fact_names if name in asked.node.dictionary],
        used_for=_used_for(saying),
        cases=view.worked_cases(policy, saying),
        products=_products_of(asked.node.documents.typed.products).get(policy.id, ()),
        may_try=may_try(asked),
    )


def is_own(policy: Policy) -> bool:
    """Whether a document is the site's own, not the one that comes with Baybridge."""
    return not policy.origin.startswith(str(packaged_data()))


def may_try(asked: Asked) -> bool:
    """Whether this reader may try other thresholds."""
    return asked.actor is not None and access.may("policy.what_if", asked.actor, asked.node.site) is None


def _used_for(saying: Saying) -> object:
    """How long a value of a fact is used, in words."""

    def said(fact: Fact) -> str:
        if fact.how in ASKED_FOR:
            return saying.say("policies.given_with_request")
        hours = fact.max_age_h
        if hours is None:
            return saying.say("policies.no_limit")
        whole_days = hours >= 72 and hours % 24 == 0
        return saying.say("policies.days", days=int(hours // 24)) if whole_days else saying.say("policies.hours", hours=saying.number(hours, None))

    return said


def policy_file(asked: Asked) -> Response:
    """The document as it was written."""
    found = asked_policy(asked)
    return refused(asked, found) if isinstance(found, Refusal) else yaml_file(found[0].text, found[0].id)


def yaml_file(text: str, name: str) -> Response:
    """A YAML text as a file to keep."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "-", name)
    headers = {"Content-Disposition": f'attachment; filename="{safe}.yaml"'}
    return Response(text, media_type="application/yaml; charset=utf-8", headers=headers)


POLICY_DOORS = (
    Door("/policies", ("GET",), "policies", "policy.read", policy_list),
    Door("/policies/{policy_id}", ("GET",), "policy.page", "policy.read", policy_page),
    Door("/policies/{policy_id}/document.yaml", ("GET",), "policy.file", "policy.read", policy_file),
)
