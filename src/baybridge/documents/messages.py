"""Which messages leave the building, to whom, by which way: `data/messages/outbox.yaml`.

Main job: `Outbox`. Elsewhere: addresses of people and secrets, which stand in files of the node alone (`node/messages/contacts.py`).

**Units**: hours of the site's own clock; seconds as the names say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from msgspec import Meta

from baybridge.documents.escalation import Duration
from baybridge.documents.heading import EMPTY, Heading, Part

#: What a message can be about, by the entry that it follows.
About = Literal["CallNotified", "GlassBroken", "ConfirmationAsked", "CaseReferred", "CaseProposed"]
Hour = Annotated[int, Meta(ge=0, le=23)]
#: The name of a file; no part of a path.
SecretName = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,60}$")]
_NEEDED: Mapping[str, tuple[str, ...]] = {"mail": ("host", "port", "security", "sender"), "form": ("address", "fields"), "webhook": ("address", "form")}


class Way(Part, frozen=True, kw_only=True):
    """One way out: mail (SMTP), a form that a gateway for text messages or pagers takes, or the webhook of a group.

    `address` and `secrets` name files with a secret; `authority` a file with certificates of the site's own; `inside` that the address is one of the site's own network.
    """

    kind: Literal["mail", "form", "webhook"]
    host: str = ""
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    security: Literal["", "starttls", "tls"] = ""
    sender: str = ""
    account: str = ""
    secret: SecretName | None = None
    address: SecretName | None = None
    fields: Mapping[str, str] = EMPTY
    secrets: Mapping[str, SecretName] = EMPTY
    form: Literal["", "wecom", "dingtalk", "teams"] = ""
    authority: SecretName | None = None
    inside: bool = False

    def lacking(self) -> Iterator[tuple[str, str, str]]:
        """What a way of this kind needs and lacks: the field, what was expected, what was found."""
        for name in _NEEDED[self.kind]:
            if not getattr(self, name):
                yield name, f"a value, which a way of the kind {self.kind} needs", "none"


class Rule(Part, frozen=True, kw_only=True):
    """Who is told of what by which ways; of a call those whom its step reaches, narrowed by `roles`. Without hours at any time; hours may go over midnight."""

    event: About
    ways: tuple[str, ...]
    roles: tuple[str, ...] = ()
    from_hour: Hour | None = None
    until_hour: Hour | None = None
    language: str | None = None  # else that of the account

    def holds_at(self, hour: int) -> bool:
        """Whether the rule counts in this hour."""
        if self.from_hour is None or self.until_hour is None:
            return True
        if self.from_hour <= self.until_hour:
            return self.from_hour <= hour < self.until_hour
        return hour >= self.from_hour or hour < self.until_hour

    def lacking(self) -> Iterator[tuple[str, str, str]]:
        """One hour without the other; nobody to tell."""
        if (self.from_hour is None) != (self.until_hour is None):
            yield "from_hour", "from_hour and until_hour together", "one of them"
        if self.event not in ("CallNotified", "ConfirmationAsked") and not self.roles:
            yield "roles", "the roles that are told of it", "none"


class Outbox(Heading, frozen=True, kw_only=True):
    """The whole document."""

    first_wait: Duration
    longest_wait: Duration
    give_up_after: Duration
    time_out_s: Annotated[int, Meta(ge=1, le=60)]
    ways: Mapping[str, Way] = EMPTY
    rules: tuple[Rule, ...] = ()

    def contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Ways and rules that lack something; rules that name a way that there is not."""
        yield from ((("ways", name, field), expected, found) for name, way in self.ways.items() for field, expected, found in way.lacking())
        yield from ((("rules", place, field), expected, found) for place, rule in enumerate(self.rules) for field, expected, found in rule.lacking())
        for place, rule in enumerate(self.rules):
            for way in rule.ways:
                if way not in self.ways:
                    yield ("rules", place, "ways"), f"one of {', '.join(self.ways) or 'no way at all'}", way
