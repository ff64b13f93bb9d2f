"""QR codes as pictures in a page.

Main job: `qr_svg(parts, …)`: SVG that scales, without any style of its own, so that the page's content rules hold.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Literal

import segno

Level = Literal["L", "M", "Q", "H"]


def qr_svg(parts: Sequence[str], *, error: Level = "L") -> str:
    """The code of some text, each part in the mode that fits it, at the lowest version that holds it."""
    segments: Any = list(parts)  # segno takes segments as a list, which its types leave out
    code = segno.make_qr(segments, error=error, boost_error=False)
    out = io.BytesIO()
    code.save(out, kind="svg", xmldecl=False, svgns=True, scale=1, border=4, omitsize=True, svgclass="qr", lineclass=None)
    return out.getvalue().decode("ascii")
