"""A node to put requests to: a case that has gone half the road, a neighbour's key, somebody of every role."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio.to_thread
import orjson
import yaml

from acceptance.support import PORTS, Clock, World
from baybridge.app import application
from baybridge.demo import network
from baybridge.journey.command import Role
from baybridge.node import tables
from baybridge.node.commands.table import COMMANDS
from baybridge.node.config import read_config
from baybridge.node.neighbours import package as packages
from baybridge.node.neighbours import transfers, witnessing
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.storage import Storage
from hostile.asgi import Answer, send
from hostile.requests import Known, Requests

ROLES = tuple(role for role in Role if role not in (Role.NODE, Role.SYSTEM))
#: The only answers of a node that is well which are its own fault: there are none.
OUTAGES = (503, 507)


@dataclass
class House:
    """The folders of a network to copy, and what requests can name in it."""

    folder: Path
    known: Known
    clock: Clock

    @classmethod
    def built(cls, folder: Path, database: str | None = None) -> House:
        """Macao refers to Hong Kong, which accepts and recognises; requests go to Hong Kong, over its own SQLite file or another database."""
        network.found_network(folder, PORTS)
        if database is not None:
            secrets = folder / "hk" / "keys" / "secrets.yaml"
            secrets.write_text(yaml.safe_dump(yaml.safe_load(secrets.read_text()) | {"database": database}))
            storage = Storage(database)
            storage.create()
            storage.close()
        world = World(folder)
        world.open()
        world.refer()
        world.accept()
        node = world.nodes["hk"]
        known = _known(world, node)
        for one in world.nodes.values():
            one.storage.close()
        return cls(folder, known, world.clock)

    @contextmanager
    def opened(self, copy: Path) -> Iterator[Node]:
        """A fresh copy of the node, gone afterwards."""
        shutil.copytree(self.folder / "hk", copy)
        node = Node(read_config(copy), now=Clock(self.clock.moment))
        try:
            yield node
        finally:
            node.storage.close()
            shutil.rmtree(copy)


def _over(node: Node, elsewhere: Node) -> dict[str, str]:
    """Tokens of coordinators that open nothing here: signed out, expired, of another node, of an account that was closed."""
    now = node.now()
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="gone", name="gone", role=Role.COORDINATOR, organisation=node.site.organisation, password="-")
        ended, closed = (accounts.open_session(connection, who, now).token for who in (Role.COORDINATOR.value, "gone"))
        expired = accounts.open_session(connection, Role.COORDINATOR.value, now - timedelta(hours=3), hours=2).token
        accounts.close_session(connection, ended, now)
        connection.execute(tables.account.update().where(tables.account.c.account == "gone").values(disabled=True))
    with elsewhere.storage.writing() as connection:
        name = "coordinator-elsewhere"
        accounts.add_account(connection, account=name, name=name, role=Role.COORDINATOR, organisation=elsewhere.site.organisation, password="-")
        foreign = accounts.open_session(connection, name, now).token
    return {"ended": ended, "expired": expired, "another node's": foreign, "of a closed account": closed, "nobody's": "x" * 43}


def _known(world: World, node: Node) -> Known:
    tokens, csrf = {}, {}
    with node.storage.writing() as connection:
        for role in ROLES:
            patient = world.patient if role is Role.PATIENT else None
            organisation = "shanghai-huhuibao" if role is Role.PAYER else node.site.organisation
            accounts.add_account(
                connection, account=role.value, name=role.value, role=role, organisation=organisation, password="-", patient_id=patient
            )
            session = accounts.open_session(connection, role.value, node.now())
            tokens[role.value], csrf[role.value] = session.token, session.csrf
    over = _over(node, world.nodes["mo"])
    with world.nodes["mo"].storage.reading() as connection:
        sealed = bytes(connection.execute(tables.outgoing.select()).mappings().first()["sealed"])  # type: ignore[index]
    senders = {name: one.signing_keys for name, one in node.neighbours.items()}
    opened = packages.open_sealed(sealed, node.config.sealing_key, senders, "hk")
    assert isinstance(opened, packages.Opened)
    signing, receiver = world.nodes["mo"].config.signing_key, world.nodes["mo"].neighbours["hk"].sealing_key
    resources = [orjson.loads(text) for text in opened.content.resources]
    ids = tuple(str(one["id"]) for one in resources)
    documents = node.documents
    return Known(
        tokens=tokens,
        csrf=csrf,
        over=over,
        case_id=world.case_id,
        patient=world.patient,
        parameters={
            "case_id": (world.case_id,) * 6 + ("no-such-case",),
            "command": tuple(COMMANDS),
            "policy": ("axi-cel-lbcl-3l-cn", "crs-astct-2019", "easix"),
            "policy_id": ("axi-cel-lbcl-3l-cn", "crs-astct-2019", "easix"),
            "trial_id": ("NCT99999902",),
            "centre_id": ("kiang-wu", "mo"),
            "kind": ("Observation", "Patient", "Condition", "Bundle", "Group", "List", "MedicationStatement"),
            "id": (*ids, world.patient),
            "card": ("none",),
            "version": ("1", "2"),
            "document": tuple(documents.forms),
            "row": ("mo", "1"),
            "position": ("0", "3"),
            "size": ("1", "5"),
            "old": ("1", "2"),
            "new": ("2", "6"),
            "rest": ("No/such/thing",),
        },
        resources=resources,
        now=node.now(),
        note=witnessing.sign_checkpoint(world.nodes["mo"]),
        content=orjson.loads(packages.content_bytes(opened.content)),
        seal=lambda payload: packages.seal(payload, signing, receiver),
        texts={
            "fact": tuple(node.dictionary.facts),
            "product": tuple(documents.folder("products")),
            "policy": ("axi-cel-lbcl-3l-cn", "crs-astct-2019"),
            "plan": tuple(documents.folder("plans")),
            "plant_node": ("sh",),
            "to_node": ("mo", "gd", "sh"),
            "from_node": ("mo",),
            "purpose": ("CARE_REFERRAL", "RESULT_RECOGNITION", "APH_IDM", "APH_FITNESS", "CLAIM"),
            "resources": tuple(f"{one['resourceType']}/{one['id']}" for one in resources),
            "result_id": ids,
            "results": ids,
            "patient_id": (world.patient,),
            "language": ("en", "pt", "zh-Hant", "zh-Hans"),
            "use_at": (node.now().isoformat(),),
            "currency": ("CNY", "HKD"),
        },
    )


@dataclass
class Tally:
    """What was answered: how often each status, and which requests met a defect."""

    statuses: Counter[int] = field(default_factory=Counter)
    doors: Counter[str] = field(default_factory=Counter)
    let_in: Counter[str] = field(default_factory=Counter)
    browsers: int = 0  # forms with a session's cookie and its form token that were let in
    defects: dict[str, list[str]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many requests there were."""
        return sum(self.statuses.values())

    def say(self) -> str:
        """The counts as lines."""
        kinds = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        lines = [
            f"{self.count} requests to {len(self.doors)} routes: {kinds}",
            *(f"  {len(found)} times {what}, first {found[0]}" for what, found in sorted(self.defects.items())),
        ]
        return "\n".join(lines)


class _Heard(logging.Handler):
    """Keeps the last line in which the application says what failed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()


def _did_nothing(answer: Answer) -> bool:
    """Whether the answer sends elsewhere to begin with: to the page for signing in, or to the right address of a door, which asks again who it is."""
    return answer.status == 307 or (answer.status == 303 and dict(answer.headers).get(b"location", b"").startswith(b"/sign-in"))


async def put(node: Node, house: House, seed: int, count: int, tally: Tally) -> None:
    """Put so many requests to a node; what it answered is counted."""
    app = application(node, workers=False)
    heard = _Heard()
    logger = logging.getLogger("baybridge.access")
    logger.addHandler(heard)
    anyio.to_thread.current_default_thread_limiter().total_tokens = 1
    try:
        requests: Any = Requests(house.known, seed)
        for number in range(count):
            request = next(requests)
            answer = await send(app, request)
            tally.statuses[answer.status] += 1
            tally.doors[request.door] += 1
            tally.let_in[request.door] += answer.status < 400
            if answer.status >= 500 or answer.status == 0:
                tally.defects.setdefault(f"{answer.status} {heard.last}", []).append(f"seed {seed}, request {number} as {request.who}")
            if request.kept_out and answer.status < 400 and not _did_nothing(answer):
                tally.defects.setdefault(f"{request.kept_out}: {request.door}", []).append(f"seed {seed}, request {number} as {request.who}")
            tally.browsers += request.who.endswith(" by cookie") and answer.status < 400 and request.method == "POST"
    finally:
        logger.removeHandler(heard)


__all__ = ["House", "Requests", "Tally", "put", "transfers"]
