"""A reference in what a client sends asks nothing of what the client may not read: what is told of it is the same whether or not it is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Role
from baybridge.node.fhir.interactions import Interaction, write
from baybridge.node.fhir.pointing import Write, pointed
from watch_world import PATIENT, Ward


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    made = Ward(tmp_path / "hk")
    claim = {
        "resourceType": "Coverage", "id": "there", "status": "active", "beneficiary": {"reference": f"Patient/{PATIENT}"}, "payor": [{"display": "a payer"}],
    }  # fmt: skip
    done = write(made.node, Actor("desk", Role.COORDINATOR, made.node.site.organisation), [Interaction("PUT", "Coverage", "there", claim)])
    assert not isinstance(done, Refusal), done
    return made


def told(ward: Ward, role: Role, target: str) -> list[str]:
    sent: dict[str, Any] = {
        "resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"}, "subject": {"reference": f"Patient/{PATIENT}"},
        "focus": [{"reference": target}],
    }  # fmt: skip
    actor = Actor("somebody", role, ward.node.site.organisation)
    made = pointed(ward.node, actor, [Write(Interaction("POST", "Observation", "o", sent))], "http://node.example/fhir")
    assert not isinstance(made, Refusal), made
    return [reason.code for reason in made.told[0]]


@pytest.mark.parametrize("target", ["Coverage/there", "Coverage/nowhere"])
def test_a_type_that_a_role_does_not_read_is_told_alike_there_or_not(ward: Ward, target: str) -> None:
    assert told(ward, Role.LABORATORY, target) == ["record.reference_unseen"]


def test_who_reads_the_type_is_told_what_is_not_here(ward: Ward) -> None:
    assert told(ward, Role.PHYSICIAN, "Coverage/there") == []
    assert told(ward, Role.PHYSICIAN, "Coverage/nowhere") == ["record.reference_nowhere"]
    assert told(ward, Role.LABORATORY, "Patient/nobody") == ["record.reference_nowhere"]
