"""A command with its event, its button and its words in four languages is at most six files, and everything else is made from them.

The six are written into a copy of the tree; pages, command line, HTTP and FHIR then know the command, and the tests of the house pass over it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_FILES = 6
NAMES = {"en": "Note a call", "zh-Hans": "登记电话联系", "zh-Hant": "登記電話聯絡", "pt": "Registar uma chamada"}

MODULE = '''"""Calls to the patient between visits.

Main job: the rule of `NotePatientCall`.
"""

from __future__ import annotations

from datetime import date

from msgspec import Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.journey.checks import alive, happened
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import PatientCalled
from baybridge.journey.fhir.writer import Writer
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, roles, told_in


class NotePatientCall(Struct, frozen=True, kw_only=True):
    """Somebody called the patient."""

    called_on: date
    answered: bool


def note_patient_call(situation: Situation, given: NotePatientCall) -> Verdict:
    """The call stands, once a day."""
    against = [*alive(situation), *happened(situation, called_on=given.called_on)]
    if any(entry.event.called_on == given.called_on for entry in situation.case.of(PatientCalled)):
        against.append(Reason("followup.call.already", {"day": given.called_on.isoformat()}, where="called_on"))
    return refuse(*against) if against else (PatientCalled(called_on=given.called_on, answered=given.answered),)


def called(event: PatientCalled, writer: Writer) -> None:
    """As Communication."""
    status = "completed" if event.answered else "not-done"
    writer.add("Communication", {"status": status, "subject": writer.patient, "sent": event.called_on.isoformat(), "sender": writer.actor})


COMMAND_ROWS = (
    CommandRow(
        NotePatientCall, note_patient_call, roles(Role.COORDINATOR, Role.NURSE),
        (EventRow(PatientCalled, called, told_in("CARE_REFERRAL")),),
        page="followup",
        correction=CLINICAL,
        place=55,
    ),
)
'''

EVENT = '''

class PatientCalled(Event, frozen=True, kw_only=True, tag=True):
    """The patient was called between visits."""

    called_on: date
    answered: bool
'''

WORDS = {
    "en": ("Called", "on {called_on}", "day of the call", "answered", "A call on {day} is noted already."),
    "zh-Hans": ("已致电", "于{called_on}", "致电日期", "已接听", "{day}的电话已登记。"),
    "zh-Hant": ("已致電", "於{called_on}", "致電日期", "已接聽", "{day}的電話已登記。"),
    "pt": ("Chamada feita", "em {called_on}", "dia da chamada", "atendida", "Já há uma chamada registada em {day}."),
}
KEYS = ("event.PatientCalled", "event_gist.PatientCalled", "field.called_on", "field.answered", "followup.call.already")

#: Run in the copy: the pages of a coordinator in every language, the button's form, a second call through HTTP, and what FHIR says of both.
WALK = '''
import json, re, sys
from pathlib import Path
from starlette.testclient import TestClient
from baybridge.app import application
from baybridge.journey.command import Role
from baybridge.node.node import open_node
from baybridge.node.people import accounts

node, case = open_node(Path(sys.argv[1])), sys.argv[2]
with node.storage.writing() as connection:
    accounts.add_account(connection, account="c", name="c", role=Role.COORDINATOR, organisation=node.site.organisation, password="-")
    token = accounts.open_session(connection, "c", node.now()).token
client = TestClient(application(node, workers=False), cookies={"baybridge": token}, follow_redirects=False)
spoken = ("en", "zh-Hans", "zh-Hant", "pt")
tabs = {name: client.get(f"/cases/{case}/followup", headers={"cookie": f"baybridge={token}; language={name}"}).text for name in spoken}
form = client.get(f"/cases/{case}/do/NotePatientCall").text
hidden = dict(re.findall(r'name="(csrf|command_id)" value="([^"]*)"', form))
address = f"/cases/{case}/do/NotePatientCall"
again = client.post(address, data={**hidden, "called_on": "2026-01-05", "answered": "true"})
done = client.post(address, data={**hidden, "command_id": hidden["command_id"][:-4] + "ffff", "called_on": "2026-01-06", "answered": "false"})
bundle = client.get("/fhir/Communication?subject=Patient/p-1").json()
print(json.dumps({
    "tabs": tabs, "form": form, "again": [again.status_code, again.text], "done": [done.status_code, done.headers.get("location", "")],
    "timeline": client.get(f"/cases/{case}/timeline").text,
    "fhir": sorted([one["resource"]["sent"], one["resource"]["status"]] for one in bundle.get("entry", [])),
}))
'''


def changed_files(copy: Path) -> list[str]:
    """The files of the copy's sources that are new or read otherwise than ours."""
    files = (path.relative_to(copy) for path in copy.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted(str(name) for name in files if not (ROOT / name).is_file() or (ROOT / name).read_bytes() != (copy / name).read_bytes())


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text("utf-8") + text, "utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree with the new command in it."""
    folder = tmp_path_factory.mktemp("tree")
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    source = folder / "src" / "baybridge"
    (source / "followup" / "calls.py").write_text(MODULE, "utf-8")
    append(source / "journey" / "chapters" / "follow_up.py", EVENT)
    for language, words in WORDS.items():
        lines = {"command.NotePatientCall": NAMES[language], **dict(zip(KEYS, words, strict=True))}
        text = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in lines.items())
        append(source / "data" / "translations" / language / "followup.yaml", text)
    return folder


def run(copy: Path, *arguments: str, status: int = 0) -> str:
    """What a Python process that imports the copy prints."""
    paths = f"{copy / 'src'}{os.pathsep}{copy / 'tests'}"
    done = subprocess.run(
        [sys.executable, *arguments], cwd=copy, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def do(copy: Path, node: Path, command: str, given: dict[str, object], *more: str, status: int = 0) -> dict[str, object]:
    file = node.parent / "given.json"
    file.write_text(json.dumps(given))
    answer = run(copy, "-m", "baybridge", "do", command, "--node", str(node), "--input", str(file), "--json", *more, status=status)
    assert answer, f"{command} printed nothing"
    return json.loads(answer)  # type: ignore[no-any-return]


def test_a_command_with_event_button_and_words_is_six_files(copy: Path) -> None:
    assert len(changed_files(copy)) <= MOST_FILES, changed_files(copy)


def test_the_new_command_is_given_by_shell_and_button_and_reads_in_fhir(copy: Path, tmp_path: Path) -> None:
    node = tmp_path / "node"
    run(copy, "-m", "baybridge", "init", str(node), "--organisation", "Hospital", "--jurisdiction", "HK")
    case = str(do(copy, node, "OpenCase", {"patient_id": "p-1", "residence": "HK", "synthetic": True})["case"])
    call = {"called_on": "2026-01-05", "answered": True}
    events = do(copy, node, "NotePatientCall", call, "--case", case)["events"]
    assert [item["event"]["type"] for item in events] == ["PatientCalled"]  # type: ignore[attr-defined]
    refused = do(copy, node, "NotePatientCall", call, "--case", case, status=1)
    assert refused["reasons"][0]["text"] == "A call on 2026-01-05 is noted already."  # type: ignore[index]
    walked = json.loads(run(copy, "-c", WALK, str(node), case))
    for language, tab in walked["tabs"].items():
        assert re.search(rf'href="/cases/{case}/do/NotePatientCall"[^>]*>\s*{NAMES[language]}', tab), language
    assert "day of the call" in walked["form"].lower()
    assert walked["again"][0] == 422 and "A call on 5 Jan 2026 is noted already." in walked["again"][1]
    assert walked["done"][0] == 303, walked["done"]
    assert "Called" in walked["timeline"]
    assert walked["fhir"] == [["2026-01-05", "completed"], ["2026-01-06", "not-done"]]


def test_the_house_stands_with_the_new_command(copy: Path) -> None:
    files = ("house/test_translations.py", "house/test_reasons.py", "unit/exchange_fhir/test_fhir_rendering.py", "unit/web/test_forms.py", "unit/web/test_tabs.py")
    about = "NotePatientCall or PatientCalled or test_translations or test_reasons or test_tabs"
    run(copy, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", about, *(f"tests/{name}" for name in files))
