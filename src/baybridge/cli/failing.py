"""How a command ends that was not done: its sentences on standard error, and with `--json` the same as a refusal on standard output.

Main job: `fail`. Source: rules for all of the contracts (exit codes, every refusal as one object). Imports nothing that a small command does not need.
"""

from __future__ import annotations

import json
import re
import sys
from typing import NoReturn

import click

_WHAT_TO_DO = re.compile(r"(?:; |\. )(?!found)(?=\S)")


def fail(*sentences: str, printed: bool = False) -> NoReturn:
    """The end of a command with exit code 1. `printed`: its answer stands on standard output already."""
    told = [" ".join(sentence.split()) for sentence in sentences]
    context = click.get_current_context(silent=True)
    given = context.params if context is not None else {}
    if not printed and (given.get("as_json") or given.get("json_wanted")):
        click.echo(json.dumps({"refused": "invalid", "reasons": [_reason(one) for one in told]}, ensure_ascii=False))
    for one in told:
        click.echo(one, err=True)
    sys.exit(1)


def _reason(sentence: str) -> dict[str, object]:
    """A sentence as a reason; what to do is what follows its first stop, unless that says what was found."""
    parts = _WHAT_TO_DO.split(sentence, maxsplit=1)
    return {"code": "command.failed", "values": {}, "where": "", "source": "", "text": sentence, "remedy": parts[1] if len(parts) > 1 else ""}
