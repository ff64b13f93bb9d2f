"""What the commands about policies say in a reader's language: a document in words, outcomes and criteria by their words.

Main job: `LANGUAGE`, the option that these commands share, `saying_for` and `in_words`. Thin: the words are made in `rulebook/view.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from baybridge.cli.arguments import LanguageCode

if TYPE_CHECKING:
    from baybridge.documents.loader import Documents
    from baybridge.facts.dictionary import Dictionary
    from baybridge.policy.document.shapes import Policy
    from baybridge.rulebook.speaker import Saying

LANGUAGE = click.option("--language", type=LanguageCode(), help="Say it in words of that language; codes without it.")


def saying_for(documents: Documents, dictionary: Dictionary, language: str) -> Saying:
    """How a reader of that language is spoken to."""
    from baybridge.language.texts import Texts
    from baybridge.rulebook.speaker import Saying

    return Saying(Texts(documents), dictionary, language)


def in_words(policy: Policy, saying: Saying) -> Iterator[str]:
    """The lines of a document for somebody who reads no expressions."""
    from baybridge.rulebook import view

    say = saying.say
    yield f"{policy.title.get(saying.language) or policy.title.get('en') or policy.id} ({policy.id}, {say('policies.version', version=policy.version)})"
    yield f"{say('decision.source')}: {'; '.join(policy.sources)} ({say(f'policy.confidence.{policy.confidence}')})"
    begins = say("policies.from", day=saying.day(policy.in_force_from)) if policy.in_force_from else say("policies.no_start")
    ends = f" {say('policies.to', day=saying.day(policy.in_force_to))}" if policy.in_force_to else ""
    yield f"{say('policies.in_force')}: {begins}{ends}"
    yield f"{say('policies.jurisdiction')}: {', '.join(map(saying.code, policy.jurisdiction)) or say('policies.everywhere')}"
    for group in view.groups(policy, saying):
        yield from ("", *(line for line in (group.heading, group.says) if line))
        for row in group.rows:
            head = f"{row.head}: " if row.head else ""
            more = f" ({row.words})" if row.text and row.words else ""
            note = f" [{row.note}]" if row.note else ""
            yield f"  - {head}{row.text or row.words}{more}{note}"
    yield from view.bands(policy, saying)
    for title, rows in (("policies.terms", view.terms(policy, saying)), ("policies.values", view.marks(policy, saying))):
        if rows:
            yield from ("", say(title), *(f"  - {row.head}: {row.text or row.words}" for row in rows))
