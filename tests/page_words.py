"""What stands on a page as its reader meets it, and what no reader should meet: keys, fields' names, unfilled places."""

from __future__ import annotations

import re
from html.parser import HTMLParser

#: What a key, a field's name or an unfilled placeholder looks like to a reader.
UNTRANSLATED = re.compile(r"(?<![\w./@:-])[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b|\b[a-z]+(?:\.[a-z]+)*\.[a-z]+_[a-z_]+|\{\w+\}|\bNone\b|\[\]")


class Read(HTMLParser):
    """What stands on a page: visible text, links, controls without a label."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.language = ""
        self._open: list[tuple[str, bool]] = []
        self._labels: set[str] = set()
        self._controls: list[tuple[str, str, bool]] = []
        self.feed(text)

    @property
    def unlabelled(self) -> list[str]:
        """Names of controls that nothing names."""
        return [name for name, key, named in self._controls if not named and key not in self._labels]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = given.get("lang", "")
        if tag == "a":
            self.links.append(given.get("href", ""))
        if tag == "label" and "for" in given:
            self._labels.add(given["for"])
        if tag in ("input", "select", "textarea") and given.get("type") != "hidden":
            named = "aria-label" in given or any(name == "label" for name, _ in self._open)
            self._controls.append((given.get("name", "?"), given.get("id", ""), named))
        if tag not in ("input", "meta", "link", "br", "rect", "line", "circle"):
            self._open.append((tag, tag in ("code", "pre", "title") or "id" in given.get("class", "").split()))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not any(apart for _, apart in self._open):
            self.words.append(data.strip())


def untranslated(words: list[str], name: str) -> list[str]:
    """Words that no reader should see; the reader's own sign-in name is one's own."""
    return [f"{found}  in  {text[:100]!r}" for text in words for found in UNTRANSLATED.findall(text.replace(name, ""))]
