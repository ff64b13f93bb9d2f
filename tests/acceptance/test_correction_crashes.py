"""SIGKILL between a correction and what follows from it: nothing is lost, nothing is done twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from acceptance.support import World
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.node.case_state import case_state
from baybridge.node.consequences import queue
from baybridge.node.node import open_node
from baybridge.node.steps import FOLLOW, WRITE

HOT = {"temperature": 39.0, "fever_attributable": True, "hypotension": "none", "oxygen_device": "none"}
COLD = {"temperature": 36.8, "hypotension": "fluids", "hypotension_attributable": True, "oxygen_device": "none"}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A case at Hong Kong in which a later grade rests on the first assessment: folder, case, and that assessment."""
    folder = tmp_path_factory.mktemp("corrections")
    world = World.new(folder)
    world.refer()
    world.accept()
    node = world.nodes["hk"]
    with node.unit() as unit:
        at = unit.at - timedelta(hours=30)
        infused = ev.Infused(product="x", batch="b", bag="g", chain_of_identity="c", started_at=at, ended_at=at, entire_volume=True)
        unit.append(world.case_id, [infused], world.actor("hk", Role.NURSE), known=len(unit.events(world.case_id)))

    def ago(hours: float) -> str:
        return (world.clock() - timedelta(hours=hours)).isoformat()

    first = world.do("hk", Role.NURSE, "Assess", findings=HOT, assessed_at=ago(6)).events[0].event_id
    world.do("hk", Role.NURSE, "GiveDrug", atc="L04AC07", name="tocilizumab", dose_mg=400, given_at=ago(4))
    world.do("hk", Role.NURSE, "Assess", findings=COLD, assessed_at=ago(1))
    for one in world.nodes.values():
        one.storage.close()
    return folder / "hk", world.case_id, first


@pytest.mark.parametrize("step", sorted({*WRITE, *FOLLOW}))
def test_a_correction_that_is_killed_is_made_once_with_all_that_follows(case: tuple[Path, str, str], step: str, tmp_path: Path) -> None:
    folder, case_id, event_id = case
    own = tmp_path / "hk"
    shutil.copytree(folder, own)
    given = json.dumps({"event_id": event_id, "action": "void", "reason": "wrong-patient"}).encode()
    command = [str(Path(sys.executable).parent / "baybridge"), "do", "CorrectEntry", "--node", str(own), "--case", case_id, "--role", "physician"]
    command += ["--command-id", "the-correction", "--input", "-"]
    killed = subprocess.run(command, input=given, env={**os.environ, "BAYBRIDGE_HALT_AT": step}, capture_output=True, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    again = subprocess.run(command, input=given, capture_output=True, check=False, timeout=120)
    assert again.returncode == 0, again.stderr.decode()
    node = open_node(own)
    queue.drain(node)
    corrections = [item for item in node.events(case_id) if isinstance(item.event, ev.EntryCorrected)]
    targets = [item.event.event_id for item in corrections if isinstance(item.event, ev.EntryCorrected)]
    state = case_state(node, case_id)
    node.storage.close()
    assert len(targets) == len(set(targets)) and event_id in targets
    assert any(item.role == Role.SYSTEM.value for item in corrections), "the later grade was made again"
    assert isinstance(state, dict) and state["grades"]["crs-astct-2019"]["current"]["grade"] == 0
