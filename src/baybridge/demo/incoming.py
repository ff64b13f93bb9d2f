"""What comes to a node of the demo from outside the network: a laboratory's message that names nobody by document, and a card that a patient carries.

Main job: `outside_results(walk)` sends a message whose patient may be the walk's and whose codes nobody has mapped yet; `sign_card(walk)` has
the home laboratory sign results for the patient. Both go in as people would do it; what follows is left to whoever looks at the demo.
"""

from __future__ import annotations

from datetime import timedelta

from opencc import OpenCC

from baybridge.base.outcome import Refusal
from baybridge.demo.walk import Refused, Walk
from baybridge.journey.command import Actor, Role
from baybridge.node.intake.importing import import_upload
from baybridge.record.store import store

#: Codes of the invented laboratory, with names, values and units as it would write them.
_RESULTS = (("CRE", "肌酐", "81", "umol/L"), ("FER", "铁蛋白", "412", "ug/L"), ("TRI", "甘油三酯", "1.6", "mmol/L"))
_SIGNED = ("creat", "hb", "plt", "anc")


def outside_results(walk: Walk) -> None:
    """An HL7 v2 message of an invented laboratory on the mainland: simplified characters, its own number, its own codes."""
    node = walk.nodes[walk.home]
    at = walk.clock()
    stamp, taken = (moment.astimezone(node.site.zone).strftime("%Y%m%d%H%M%S%z") for moment in (at, at - timedelta(hours=20)))
    chinese, latin = walk.patient.name
    simplified = OpenCC("t2s").convert(chinese)
    family, given = latin.split(" ", 1)
    sex = "F" if walk.patient.number % 2 else "M"
    lines = [
        f"MSH|^~\\&|LIS|TESTLAB|BAYBRIDGE|{walk.home.upper()}|{stamp}||ORU^R01^ORU_R01|T{walk.patient.number:04d}|T|2.5.1||||||UNICODE UTF-8",
        f"PID|1||S{walk.patient.number:05d}^^^TESTLAB^MR||{simplified[0]}^{simplified[1:]}~{family}^{given}||{walk.patient.born.replace('-', '')}|{sex}",
        f"OBR|1|||PANEL^血液检验^99TEST|||{taken}|||||||||||||||{stamp}|||F",
        *(
            f"OBX|{number}|NM|{code}^{name}^99TEST||{value}|{unit}^^UCUM|||||F|||{taken}"
            for number, (code, name, value, unit) in enumerate(_RESULTS, start=1)
        ),
    ]
    actor = Actor("demo-laboratory", Role.LABORATORY, node.site.organisation)
    answer = import_upload(node, actor, "testlab.hl7", "\r".join(lines).encode())
    if isinstance(answer, Refusal):
        raise Refused(f"message at {walk.home}: " + "; ".join(reason.code for reason in answer.reasons))


def sign_card(walk: Walk) -> None:
    """The home laboratory signs the newest of a few results that it performed."""
    with walk.nodes[walk.home].storage.reading() as connection:
        found = store.patient_resources(connection, walk.patient.id)
    names = [str(item["id"]) for item in found if item["resourceType"] == "Observation" and str(item["id"]).endswith(_SIGNED)]
    own = [name for name in names if name.startswith(f"{walk.patient.id}-a-")]
    walk.do(walk.home, Role.LABORATORY, "IssueHealthCard", results=own)
