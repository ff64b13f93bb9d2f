"""Reads the lines of one document, in a process of its own: what a file from outside holds is parsed nowhere else.

Main job: `python -m baybridge.node.attachments.reader TYPE [PAGE]` gets the file on standard input and writes JSON: the lines of each page with their boxes, or with
PAGE the picture of that page (PNG). Memory and time of the process are bounded, so that a file that unpacks without end ends itself.

Text of a PDF by pypdfium2 (PDFium; Apache-2.0 or BSD-3-Clause); pictures, and pages of a PDF without text, by RapidOCR (Apache-2.0). Both belong to the extra `ocr`.
**Units**: boxes in thousandths of the page: left, top, right, bottom.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from pypdfium2 import PdfPage

#: Conventions of this project: enough for a report, little enough for a machine that has other work.
MOST_PAGES, _MEMORY, _SECONDS, _MOST_PIXELS = 20, 4 * 1024**3, 300, 30_000_000
_SCALE = 2.0  # of 72 dots an inch: small print stays legible
_THOUSAND = 1000
Word = tuple[str, tuple[float, float, float, float]]


def bound() -> None:
    """Bound what this process may use."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def lines(media_type: str, content: bytes) -> list[dict[str, object]]:
    """The lines of a document, page by page."""
    pages = _of_pdf(content) if media_type == "application/pdf" else _of_text(content) if media_type == "text/plain" else _of_pictures(content)
    return [{"text": text, "page": page, "box": box} for page, words in pages for text, box in _joined(words)]


def _of_text(content: bytes) -> Iterator[tuple[int, list[Word]]]:
    said = content.decode("utf-8-sig").splitlines()
    yield 1, [(text, (0.0, at / len(said), 1.0, (at + 1) / len(said))) for at, text in enumerate(said)]


def _of_pdf(content: bytes) -> Iterator[tuple[int, list[Word]]]:
    import pypdfium2

    document = pypdfium2.PdfDocument(content)
    for number in range(min(len(document), MOST_PAGES)):
        page = document[number]
        yield number + 1, _pdf_words(page) or _recognised(_rendered(page))


def _pdf_words(page: PdfPage) -> list[Word]:
    width, height = page.get_size()
    text = page.get_textpage()
    boxes = [text.get_rect(place) for place in range(text.count_rects())]
    said = [(text.get_text_bounded(*box).strip(), box) for box in boxes]
    return [(" ".join(word.split()), (left / width, 1 - top / height, right / width, 1 - bottom / height)) for word, (left, bottom, right, top) in said if word]


def _rendered(page: PdfPage) -> Image:
    width, height = page.get_size()
    scale = min(_SCALE, (_MOST_PIXELS / max(width * height, 1)) ** 0.5)
    return page.render(scale=scale).to_pil().convert("RGB")


def _of_pictures(content: bytes) -> Iterator[tuple[int, list[Word]]]:
    for number, picture in enumerate(_pictures(content), start=1):
        yield number, _recognised(picture)


def _pictures(content: bytes) -> Iterator[Image]:
    """The pages of a picture file, upright."""
    from PIL import Image, ImageOps, ImageSequence

    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS
    with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "TIFF")) as opened:
        for number, frame in enumerate(ImageSequence.Iterator(opened)):
            if number == MOST_PAGES:
                return
            if frame.width * frame.height > _MOST_PIXELS:
                raise ValueError("a picture of more pixels than are read")
            yield ImageOps.exif_transpose(frame).convert("RGB")


def _recognised(picture: Image) -> list[Word]:
    import numpy
    from rapidocr import RapidOCR

    found = RapidOCR(params={"Global.log_level": "critical"})(numpy.asarray(picture)[:, :, ::-1])
    width, height = picture.size
    words: list[Word] = []
    for text, corners in zip(found.txts or (), found.boxes if found.boxes is not None else (), strict=True):
        across, down = [float(x) / width for x, _ in corners], [float(y) / height for _, y in corners]
        words.append((text, (min(across), min(down), max(across), max(down))))
    return words


def _joined(words: Sequence[Word]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Words beside each other as one line: those whose middle lies within the height of the one before."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda one: one[1][1] + one[1][3]):
        middle = (word[1][1] + word[1][3]) / 2
        last = rows[-1][-1][1] if rows else None
        if last is not None and last[1] <= middle <= last[3]:
            rows[-1].append(word)
        else:
            rows.append([word])
    for row in rows:
        row.sort(key=lambda one: one[1][0])
        boxes = [box for _, box in row]
        whole = (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))
        yield "  ".join(text for text, _ in row), tuple(max(0, min(_THOUSAND, round(edge * _THOUSAND))) for edge in whole)


def picture(media_type: str, content: bytes, number: int) -> bytes:
    """A page as a picture (PNG)."""
    if media_type == "application/pdf":
        import pypdfium2

        page = _rendered(pypdfium2.PdfDocument(content)[number - 1])
    else:
        page = next(found for place, found in enumerate(_pictures(content), start=1) if place == number)
    written = io.BytesIO()
    page.save(written, "PNG")
    return written.getvalue()


def main() -> None:
    """Read one document."""
    bound()
    media_type, content = sys.argv[1], sys.stdin.buffer.read()
    if len(sys.argv) > 2:
        sys.stdout.buffer.write(picture(media_type, content, int(sys.argv[2])))
    else:
        sys.stdout.write(json.dumps(lines(media_type, content)))


if __name__ == "__main__":
    main()
