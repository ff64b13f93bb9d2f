"""What can be changed of an account: each change as a value, and what stands afterwards.

Main job: `Change`, `Changed`. Elsewhere: what speaks against one in `change_checks.py`, who must ask for it in `two_administrators.py`, making it in `administration.py`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Literal

from baybridge.base.json_value import JsonDict
from baybridge.journey.command import Role

ASSIGNABLE = tuple(role for role in Role if role not in (Role.NODE, Role.SYSTEM))


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    """A new account, of a new person unless `person_id` is one that is known; it gets its password by the invitation."""

    account: str
    person: str
    roles: tuple[str, ...]
    person_id: str | None = None
    organisation: str | None = None
    profession: str | None = None
    registration: str | None = None
    leaves_on: date | None = None
    language: str | None = None
    patient_id: str | None = None


@dataclass(frozen=True, slots=True)
class Invite:
    """A fresh invitation for an account that has no password, or was disabled; the earlier ones end."""

    account: str


@dataclass(frozen=True, slots=True)
class Disable:
    """Close an account; its sessions end at once."""

    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reset:
    """End the password (a fresh invitation follows), the second factor, the identities elsewhere, or the sessions of an account."""

    account: str
    what: Literal["password", "second-factor", "outside", "sessions"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Roles:
    """Give an account roles and take others away; its sessions end where one is taken."""

    account: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EndSession:
    """End one open session of an account, named by its key; the others go on."""

    account: str
    key: str


@dataclass(frozen=True, slots=True)
class Leaving:
    """The last day on which the person of an account signs in, by whichever account; None: no such day any more."""

    account: str
    on: date | None


@dataclass(frozen=True, slots=True)
class About:
    """The profession of an account's person, and the number in its register; None leaves what is known."""

    account: str
    profession: str | None = None
    registration: str | None = None


Change = Add | Invite | Disable | Reset | Roles | EndSession | Leaving | About


@dataclass(frozen=True, slots=True)
class Changed:
    """What now stands: the sign-in name, whose it is, and the invitation, which is shown here and never again."""

    account: str
    person_id: str
    invitation: str = ""
    expires_at: datetime | None = None
    asked: bool = False  # nothing changed yet: another administrator makes the same change

    def as_json(self) -> JsonDict:
        """As commands and services print it."""
        found: JsonDict = {"account": self.account, "person_id": self.person_id}
        if self.asked:
            found["state"] = "asked"
        if self.expires_at is not None:
            found |= {"invitation": self.invitation, "expires_at": self.expires_at.isoformat()}
        return found


def name_of(what: Change) -> str:
    """What a change is called in the log."""
    return f"reset-{what.what}" if isinstance(what, Reset) else type(what).__name__.lower()


def said_of(what: Change) -> str:
    """What a change says, as the log keeps it."""
    return "\n".join(str(value) for value in asdict(what).values() if value)
