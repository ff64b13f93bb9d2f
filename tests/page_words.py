"""What stands on a page as its reader meets it, and what no reader should meet: keys, fields' names, unfilled places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

#: What a key, a field's name or an unfilled placeholder looks like to a reader.
UNTRANSLATED = re.compile(r"(?<![\w./@:-])[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b|\b[a-z]+(?:\.[a-z]+)*\.[a-z]+_[a-z_]+|\{\w+\}|\bNone\b(?!:? [a-z]|: )|\[\]")

#: What belongs to the program and not to a reader: by its name, how it looks.
TECHNICAL = {
    "UUID": re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE),
    "snake case": re.compile(r"(?<![\w./@:-])[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+\b"),
    "dotted code": re.compile(r"(?<![\w./@:-])[a-z][a-z_-]*[a-z](?:\.[a-z][a-z_-]*[a-z])+\b(?!/)"),
    "type name": re.compile(r"(?<![\w./@:-])(?:[A-Z][a-z]+){2,}\b"),
    "address of a record": re.compile(r"\b[A-Z][A-Za-z]+/[0-9A-Za-z-]{8,}"),
    "JSON": re.compile(r"""[{\[]\s*["'](?:\w|\$)"""),
}
#: Names that look like those of a program, and are not: those of sources that a document cites, hosts, files.
PLAIN_NAMES = re.compile(
    r"\b(?:ObservationInterpretation|licai\.dianpusou)\b"
    r"|\b[\w-]+\.(?:json|ya?ml|csv|xlsx|ics|pdf|zip|txt|md|xml|hk|mo|gd|sh|cn|org|com|gov|int|eu|net|edu|test|example|invalid)\b"
)
#: A code of a terminology or of this project's rules, which nobody has to know by heart.
CODE = re.compile(r"\b(?:(?:MR|DT|PAY|OBA|RR|BR|CQ|EX|FR|HX|TR)-[A-Z0-9]+(?:[-:][A-Za-z0-9_]+)*|\d{3,5}-\d|[A-Z]\d{2}[A-Z]{2}\d{2})(?![\w-])")
#: Within one of these a code stands beside its words.
_ROWS = frozenset({"tr", "li", "p", "option", "summary", "label", "legend", "caption", "h1", "h2", "h3", "figcaption", "dl"})


class Read(HTMLParser):
    """What stands on a page: visible text, links, controls without a label."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.rows: list[list[tuple[str, bool]]] = [[]]  # all that is seen or told, by the row or sentence in which it stands, and whether it is set as code
        self.links: list[str] = []
        self.language = ""
        self._open: list[tuple[str, bool]] = []
        self._places: set[int] = set()
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
        if tag in _ROWS:
            self.rows.append([])
        self.rows[-1] += [(given[name], False) for name in ("title", "aria-label", "placeholder", "alt") if given.get(name)]
        if tag == "option" and any(name == "datalist" for name, _ in self._open):
            self.rows[-1].append((given.get("value", ""), True))
        if tag not in ("input", "meta", "link", "br", "rect", "line", "circle"):
            classes = given.get("class", "").split()
            self._open.append((tag, tag in ("code", "pre", "title") or "id" in classes))
            if "place" in classes:  # of a problem in a file, as the file has it
                self._places.add(len(self._open))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass
        self._places = {depth for depth in self._places if depth <= len(self._open)}
        if tag in _ROWS:
            self.rows.append([])

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._places and not any(name in ("script", "style") for name, _ in self._open):
            self.rows[-1].append((data.strip(), any(apart for _, apart in self._open)))
        if data.strip() and not any(apart for _, apart in self._open):
            self.words.append(data.strip())


def untranslated(words: list[str], name: str) -> list[str]:
    """Words that no reader should see; the reader's own sign-in name is one's own."""
    return [f"{found}  in  {text[:100]!r}" for text in words for found in UNTRANSLATED.findall(text.replace(name, ""))]


def technical(read: Read, name: str, *, exact: bool = False) -> Iterator[str]:
    """What a page shows of the program: names of types and fields, codes of reasons, identifiers, JSON, and codes without their words.

    With `exact`, what is set as code is left out: the page is there to show what a file or a rule says to the letter.
    """
    for row in read.rows:
        for text, is_code in row:
            plain = "" if exact and is_code else PLAIN_NAMES.sub("", text.replace(name, ""))
            yield from (f"{kind}: {found}  in  {text[:100]!r}" for kind, looks in TECHNICAL.items() for found in looks.findall(plain))
        said = " ".join(text for text, _ in row)
        if CODE.search(said) and not any(letter.isalpha() for letter in CODE.sub("", said)):
            yield f"code without words: {said[:100]!r}"
