"""The secret by which this node proves at a provider who it is: in a file of its own, or the service manager's credential; never in the database or a document.

Main job: `secret_of(folder, provider)`, `keep(folder, provider, secret)`. **Source**: systemd credentials (`CREDENTIALS_DIRECTORY`).
"""

from __future__ import annotations

from pathlib import Path

from baybridge.base.failures import why
from baybridge.node.config import ConfigProblem, credentials_folder, write_private


def secret_of(folder: Path, provider: str) -> str:
    """The secret for a provider; empty where none is kept. ConfigProblem where it cannot be read."""
    given = credentials_folder()
    path = given / f"baybridge-sign-in-{provider}" if given is not None else _file(folder, provider)
    if not path.exists():
        path = _file(folder, provider)
    try:
        return path.read_text(encoding="utf-8").strip() if path.exists() else ""
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigProblem(f"{path.name}: expected a text that this user may read, found {why(problem)}") from None


def keep(folder: Path, provider: str, secret: str) -> Path:
    """Keep the secret for a provider where its owner alone reads it; the file."""
    path = _file(folder, provider)
    write_private(path, secret.strip() + "\n")
    return path


def _file(folder: Path, provider: str) -> Path:
    return folder / "keys" / f"sign-in-{provider}.secret"
