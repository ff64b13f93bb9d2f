"""Where a policy is used: the acts that ask it, the steps of the pathway at which they are due, who does them, the tabs that show its answer.

Main job: `uses(node, policy_id)` and `tabs_of(node, policy_id)`, from the catalogue, the pathway and the commands; nothing is written down twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from msgspec.structs import asdict

from baybridge.bedside.monitoring import SCALES
from baybridge.documents.timing import Recovery
from baybridge.exchange.transfer.check import CHECK_POLICY_ID, ROUTE_POLICY_ID
from baybridge.matching.eligibility import label_policies
from baybridge.node.commands.table import COMMANDS
from baybridge.node.node import Node
from baybridge.recognition.rules import POLICY_ID as RECOGNITION
from baybridge.supply.manufacture import GENERIC_SPECIFICATION
from baybridge.web.case.bedside_page import FROM_RECORD
from baybridge.web.case.eligibility_page import BEFORE, BEFORE_IN, FITNESS


@dataclass(frozen=True, slots=True)
class Use:
    """One act that asks a policy: the command, who may give it, the steps of the pathway with who has them to do."""

    command: str
    roles: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]  # step, role


def uses(node: Node, policy_id: str) -> tuple[Use, ...]:
    """The acts that ask a policy, in the order of the pathway; none where it is only computed on request."""
    return tuple(Use(name, tuple(sorted(COMMANDS[name].roles)), _steps(node, name, policy_id)) for name in dict.fromkeys(_commands(node, policy_id)))


def tabs_of(node: Node, policy_id: str) -> tuple[str, ...]:
    """The tabs of a case that show what a policy says."""
    label = policy_id in _labels(node)
    found = {
        "options": label or policy_id == node.documents.typed.the(Recovery).policy,
        "eligibility": label or policy_id in (*FITNESS, *BEFORE, *chain.from_iterable(BEFORE_IN.values())),
        "tests": policy_id == RECOGNITION,
        "sharing": policy_id in (CHECK_POLICY_ID, ROUTE_POLICY_ID),
        "cells": policy_id in _specifications(node),
        "bedside": policy_id in (*SCALES, *FROM_RECORD) or policy_id in _fitness(node).values(),
    }
    return tuple(name for name, shows in found.items() if shows)


def _commands(node: Node, policy_id: str) -> Iterator[str]:
    if policy_id in _labels(node):
        yield from ("DecideEligibility", "ChooseProduct")
    if policy_id == RECOGNITION:
        yield "RecogniseResults"
    if policy_id in (CHECK_POLICY_ID, ROUTE_POLICY_ID):
        yield "Transfer"
    if policy_id in _fitness(node).values():
        yield "CheckFitness"
    if policy_id in _specifications(node):
        yield from ("TestProduct", "Release", "RecordLateResult")
    if policy_id in SCALES:
        yield "Assess"


def _steps(node: Node, command: str, policy_id: str) -> tuple[tuple[str, str], ...]:
    """The steps at which a command is due; fitness is judged at each step by a policy of its own."""
    fitness = {f"fitness_{step}" for step, policy in _fitness(node).items() if policy == policy_id}
    steps = node.documents.typed.pathway.steps
    found = [step for step in steps if command in step.commands and (command != "CheckFitness" or step.step in fitness)]
    return tuple((step.step, step.role) for step in found)


def _labels(node: Node) -> set[str]:
    return {policy for product in node.documents.typed.products.values() for policy in label_policies(product)}


def _specifications(node: Node) -> set[str]:
    return {GENERIC_SPECIFICATION, *(product.specification for product in node.documents.typed.products.values() if product.specification)}


def _fitness(node: Node) -> dict[str, str]:
    return asdict(node.documents.typed.limits.fitness)
