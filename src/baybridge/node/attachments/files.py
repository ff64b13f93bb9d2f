"""Where the content of attachments stands: in the node's folder, by case and SHA-256, readable by the node's own user alone.

Main job: `put`, `found` and `take_away`. A file has its name only once it is whole and on disk; one that is there is never written over. Each case has a folder of its
own, named by a hash, so that the same file of two patients is two files, and whoever knows a hash opens nothing with it in another case.
**Units**: bytes; SHA-256 hexadecimal.
"""

from __future__ import annotations

import os
import re
import tempfile
from hashlib import sha256
from pathlib import Path

FOLDER = "attachments"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PART = ".part"
_CHUNK = 1 << 20


def folder_of(node_folder: Path, case_id: str) -> Path:
    """The folder of a case's files."""
    return node_folder / FOLDER / folder_name(case_id)


def folder_name(case_id: str) -> str:
    """How the folder of a case is called: ids may come from outside, so that none is ever part of a path."""
    return sha256(case_id.encode()).hexdigest()[:32]


def path_of(node_folder: Path, case_id: str, digest: str) -> Path | None:
    """Where the content of this SHA-256 stands or would stand; None for what is no hash."""
    return folder_of(node_folder, case_id) / digest if _SHA256.fullmatch(digest) else None


def is_there(node_folder: Path, case_id: str, digest: str) -> bool:
    """Whether there is a file of this SHA-256, whatever it holds."""
    path = path_of(node_folder, case_id, digest)
    return path is not None and path.is_file()


def put(node_folder: Path, case_id: str, content: bytes) -> str:
    """Keep a content; its SHA-256. Killed at any moment there is the whole file or none."""
    digest = sha256(content).hexdigest()
    folder = folder_of(node_folder, case_id)
    for place in (folder.parent, folder):
        place.mkdir(mode=0o700, exist_ok=True)
    target = folder / digest
    if target.is_file() and hash_of(target) == digest:
        return digest
    handle, name = tempfile.mkstemp(prefix=f"{digest}.", suffix=_PART, dir=folder)  # readable by its owner alone
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    for place in (folder, folder.parent):
        _settle(place)
    return digest


def found(node_folder: Path, case_id: str, digest: str) -> bytes | None:
    """The content of this SHA-256; None where there is none, or where what stands there is something else."""
    path = path_of(node_folder, case_id, digest)
    if path is None or not path.is_file():
        return None
    content = path.read_bytes()
    return content if sha256(content).hexdigest() == digest else None


def hash_of(path: Path) -> str | None:
    """The SHA-256 of what stands at a path; None where nothing can be read there."""
    hashed = sha256()
    try:
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                hashed.update(data)
    except OSError:
        return None
    return hashed.hexdigest()


def take_away(node_folder: Path, case_id: str, digest: str) -> None:
    """Take a content away."""
    path = path_of(node_folder, case_id, digest)
    if path is not None:
        path.unlink(missing_ok=True)


def clear_parts(node_folder: Path, case_id: str, digest: str) -> None:
    """Take away what processes left that were killed while this content came in; nobody else may be receiving it."""
    path = path_of(node_folder, case_id, digest)
    for part in path.parent.glob(f"{digest}.*{_PART}") if path is not None else ():
        part.unlink(missing_ok=True)


def kept(node_folder: Path) -> dict[tuple[str, str], Path]:
    """Everything that stands in the folder of attachments, by the name of the case's folder and of the file."""
    root = node_folder / FOLDER
    return {(path.parent.name, path.name): path for path in sorted(root.glob("*/*")) if not path.name.endswith(_PART)}


def _settle(folder: Path) -> None:
    """Have the names in a folder on disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
