"""What a file is, by its content and never by its name.

Main job: `media_type(content)` answers one of the types that are taken in, or None.

A file that is two things at once is not taken in where the second could run: a DICOM preamble that begins a program, text that is markup. Whatever is taken in is sent
back under the type that was found here and no other.
**Source**: ISO 32000-2 7.5.2; PNG (Third Edition) 5.2; JPEG, ITU-T T.81 B.1; TIFF 6.0 section 2; DICOM PS3.10 section 7.1; CVE-2019-11687 (programs in DICOM preambles).
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.journey.events import MediaType

_PREAMBLE, _MARK = 128, b"DICM"
#: What a preamble may hold: nothing, or the head of a TIFF file, which whole-slide pictures have. Source: DICOM PS3.10 section 7.1, note 1.
_PREAMBLES = (bytes(4), b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
#: Ends without which a file was cut short.
_PNG_END, _JPEG_END = b"IEND\xaeB`\x82", b"\xff\xd9"
_CONTROLS = frozenset(range(32)) - {0x09, 0x0A, 0x0C, 0x0D} | {0x7F}
#: How a file of each type is called on disk, since its own name is not kept.
ENDINGS: Mapping[MediaType, str] = {
    "application/pdf": ".pdf", "image/png": ".png", "image/jpeg": ".jpg", "image/tiff": ".tiff", "application/dicom": ".dcm", "text/plain": ".txt",
}  # fmt: skip
_BOM = b"\xef\xbb\xbf"


def media_type(content: bytes) -> MediaType | None:
    """The type of a file's content; None for everything that is not taken in."""
    if content.startswith(b"%PDF-"):
        return "application/pdf" if b"%%EOF" in content[-2048:] else None
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png" if content[12:16] == b"IHDR" and _PNG_END in content else None
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg" if _JPEG_END in content[3:] else None
    if content[_PREAMBLE : _PREAMBLE + 4] == _MARK:
        return "application/dicom" if content.startswith(_PREAMBLES) else None
    if content.startswith(_TIFF):
        return "image/tiff" if len(content) > len(_TIFF[0]) + 4 else None
    return "text/plain" if _is_text(content) else None


def _is_text(content: bytes) -> bool:
    """Whether it is text in UTF-8 that a person reads, and no markup, which a browser would run."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    if not content or _CONTROLS.intersection(content):
        return False
    return not content.removeprefix(_BOM).lstrip().startswith(b"<")
