"""Small files of every type that is taken in as a document, and of what is not.

Main job: `GOOD` by media type, `BAD` by what is wrong with it.
"""

from __future__ import annotations

import struct
import zlib


def png(extra: bytes = b"") -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\x00\x00")) + chunk(b"IEND", b"") + extra


PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(20) + b"\xff\xd9"
TIFF = b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00"
DICOM = bytes(128) + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00\x00\x00\x00\x00"
TEXT = "白細胞 4.1\n血紅蛋白 104 g/L\n".encode()
GOOD = {
    "application/pdf": PDF, "image/png": png(), "image/jpeg": JPEG, "image/tiff": TIFF, "application/dicom": DICOM, "text/plain": TEXT,
}  # fmt: skip
#: What is none of them, whatever its name: markup, archives, programs, what was cut short, what is two things.
BAD = {
    "svg": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "html": b"\xef\xbb\xbf \n<!doctype html><script>alert(1)</script>",
    "zip": b"PK\x03\x04" + bytes(30),
    "program": b"MZ" + bytes(200),
    "program before DICOM": b"MZ" + bytes(126) + b"DICM" + bytes(20),
    "markup before DICOM": b"<script>".ljust(128) + b"DICM" + bytes(20),
    "picture cut short": png()[:-6],
    "PDF cut short": PDF[:20],
    "PDF after something else": b"\n" + b"x" * 10 + b"\x00" + PDF,
    "text with a NUL": b"a\x00b",
    "text in no UTF-8": "白".encode("gb18030") + b"\xff",
    "word document": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),
    "gif": b"GIF89a" + bytes(20),
}
