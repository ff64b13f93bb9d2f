"""In which language a command says its sentences: the one that was asked for, that of the settings, that of the terminal; English without any.

Main job: `reader_language(folder)`. Help, usage, names of commands and JSON keys stay English; codes are the same in every language.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import click


def reader_language(folder: Callable[[str], Mapping[str, object]]) -> str:
    """The code of the language: of `baybridge --language`, else of BAYBRIDGE_LANGUAGE, LC_ALL, LC_MESSAGES or LANG; `folder` reads a folder of documents."""
    from baybridge.language.languages import FALLBACK, chosen, languages_of
    from baybridge.node.config import terminal_language

    context = click.get_current_context(silent=True)
    asked = context.find_root().params.get("language") if context is not None else None
    return str(asked) if asked else chosen(_tag(terminal_language()), languages_of(folder)) or FALLBACK


def _tag(locale: str) -> str:
    """A locale of POSIX as a language tag: zh_HK.UTF-8 is zh-HK."""
    return locale.partition(".")[0].partition("@")[0].replace("_", "-")
