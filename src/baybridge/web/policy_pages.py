"""Policies as documents to read: the list, and one policy with its criteria in words and as written, its sources and worked cases.

Main job: `POLICY_DOORS`. What is shown is the document that decides here: ours, or the site's own laid over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, refuse
from baybridge.node.documents import UnknownPolicyError
from baybridge.node.doors import Asked, Door
from baybridge.policy.types import PolicyProblems
from baybridge.web.page import Reader, refused, render

#: Kinds of policy in the order in which a case meets them, by the folder or name of the document.
KINDS = ("eligibility", "fitness", "recognition", "transfer", "release", "grades", "scores", "series")


def policy_list(asked: Asked) -> Response:
    """Every policy by kind, with jurisdiction, days in force and confidence."""
    documents = asked.node.documents.folder("policies")
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for name, document in documents.items():
        groups.setdefault(_kind(asked, str(name)), []).append(document)
    ordered = [(kind, sorted(groups[kind], key=lambda one: str(one["id"]))) for kind in (*KINDS, "other") if kind in groups]
    return render(asked, "policies.html", groups=ordered, count=len(documents))


def _kind(asked: Asked, name: str) -> str:
    """The folder in which the document lies."""
    folder = asked.node.policies.files(name)[-1].parent.name
    return folder if folder in KINDS else "other"


def policy_page(asked: Asked) -> Response:
    """One policy as a document."""
    name = asked.parameters["policy_id"]
    try:
        versions = asked.node.policies.versions(name)
    except UnknownPolicyError:
        return refused(asked, refuse(Reason("policy.unknown", {"policy": name[:80]}), category=Category.NOT_FOUND))
    except PolicyProblems:
        versions = ()
    document = asked.node.documents.folder("policies").get(name)
    if document is None or not versions:
        return refused(asked, refuse(Reason("policy.unknown", {"policy": name[:80]}), category=Category.NOT_FOUND))
    reader = Reader(asked)
    return render(
        asked,
        "policy.html",
        document=document,
        policy=versions[-1],
        versions=versions,
        kind=_kind(asked, name),
        facts=[(fact, reader.fact(fact)) for fact in versions[-1].fact_names],
        fact_label=reader.fact,
    )


POLICY_DOORS = (
    Door("/policies", ("GET",), "policies", "policy.read", policy_list),
    Door("/policies/{policy_id}", ("GET",), "policy.page", "policy.read", policy_page),
)
