"""The criteria of a trial as a registry publishes them, one text, split into two lists.

Main job: `criteria(text)` answers inclusion and exclusion, a line each; `is_split(text)` whether a heading says which is which. A heading is known
in any form and language of the registries: with a bullet, a number or marks of CommonMark before it, for subjects, donors or cohorts,
with its first criterion on the same line.

**Source**: texts of ClinicalTrials.gov, ChiCTR, EU CTR and ReBEC.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from html import unescape

from baybridge.record.identity.names import one_slip

_BULLET = re.compile(r"^\s*(?:[*•●○▪·‣–-]|\(?[0-9]{1,2}[.)、）]|[一二三四五六七八九十]{1,2}、|[IVX]{1,4}[.)、]\s)\s*(?!\d)")
#: The registry writes CommonMark: a backslash before a sign that would mean something there.
_ESCAPED = re.compile(r"\\([\\<>*_\[\]~`#+.!-])")
_MARKS = " \t*_#>=~-【】《》〖〗"
_LONGEST = 100  # characters of a heading; convention of this project
#: Words that may stand beside "inclusion criteria" where no colon says that it is a heading.
_BESIDE = (
    "key|main|major|minor|general|common|basic|core|primary|secondary|additional|further|specific|other|overall|clinical|study|trial|protocol"
    "|subjects?|patients?|participants?|donors?|recipients?|volunteers?|controls?|adults?|children|pa?ediatrics?|parents?|siblings?|caregivers?"
    "|part|phase|cohorts?|arms?|groups?|stage|period|step|disease|treatment|infusion|leukapheresis|enrol?lment|screening|eligibility"
    "|the|of|for|to|and|in|all|abbreviated|summary|list|[ivx]+|[a-e]|[0-9]{1,2}"
)
_ENGLISH = re.compile(
    rf"(?:(?:{_BESIDE}|[’'s(),/&-])\s*)*?(?:(?P<ex>exclusion(?:ary)?|non[\s-]*inclusion)|(?P<in>(?<!non-)(?<!non)(?<!non )inclusion(?:ary)?))"
    rf"(?:\s*criteri(?:a|on|um)s?)?(?:\s*(?:{_BESIDE}|[’'s(),/&-]))*",
    re.IGNORECASE,
)
#: A heading that is a sentence: "Patients will be excluded if:".
_SENTENCE = re.compile(
    r"(?:the\s+)?(?:patients?|participants?|subjects?|individuals?|persons?|people|candidates?|donors?|those|volunteers?)\b.{0,60}?\b"
    r"(?:(?P<ex>excluded|ineligible|not\s+(?:be\s+)?(?:eligible|included|enrolled))|(?P<in>included|eligible|enrolled))\b.{0,60}",
    re.IGNORECASE,
)
_REVERSED = re.compile(r"(?:(?:key|main)\s+)?criteria\s+for\s+(?:(?P<in>inclusion)|(?P<ex>exclusion))", re.IGNORECASE)
_CHINESE = re.compile(
    r"[\u3400-\u9fffA-Za-z0-9（）()\s]{0,12}?"
    r"(?:(?P<ex>排除|剔除|除外|[不非](?:纳入|納入|入选|入選|入组|入組|选入|選入))|(?P<in>(?<![不非])(?:纳入|納入|入选|入選|入组|入組|选入|選入|收案|適格|選択)))"
    r"\s*(?:标准|標準|条件|條件|准则|準則|基準|基准)?[\u3400-\u9fff（）()\s]{0,4}"
)
_ROMANCE = re.compile(
    r"(?:principais|principales|principaux)?\s*crit[éeè]r(?:ios?|es?|i)\s*(?:de\s+|d[’']|di\s+|para\s+(?:a\s+|la\s+)?)?"
    r"(?:(?P<in>inclus(?:ão|ao|ión|ion|ione))|(?P<ex>(?:exclus|esclus|n(?:on|o|ão)[\s-]+inclus)(?:ão|ao|ión|ion|ione)))",
    re.IGNORECASE,
)
_GERMAN = re.compile(r"(?:wichtigste\s+)?(?:(?P<in>einschluss|einschluß)|(?P<ex>ausschluss|ausschluß))kriterien", re.IGNORECASE)
_OTHER = re.compile(
    r"(?:(?P<in>inclusiecriteria|inklusionskriteri(?:er|um)|kryteria\s+włączenia|критерии\s+включения|선정\s*기준|포함\s*기준)"
    r"|(?P<ex>exclusiecriteria|exklusionskriteri(?:er|um)|kryteria\s+wy(?:łą|klu)czenia|критерии\s+(?:исключения|невключения)|제외\s*기준))",
    re.IGNORECASE,
)
_FORMS = (_ENGLISH, _REVERSED, _CHINESE, _ROMANCE, _GERMAN, _OTHER)
_NAMED = re.compile(
    r"(?P<in>inclusion\s+criteri|纳入标准|納入標準|入选标准|入選標準|入選條件|inclusão|inclusión)|(?P<ex>exclusion\s+criteri|排除标准|排除標準|排除條件|exclusão|exclusión)",
    re.IGNORECASE,
)
#: Where a heading with its colon begins in the middle of a line: after the end of a sentence, or after a sign of markup.
_MIDDLE = re.compile(
    r"(?<=[.;!。；！>])\s*(?=(?:(?:key|main)\s+)?(?:inclusion|exclusion)(?:\s+criteri(?:a|on))?\s*[:：]"
    r"|(?:主要|其他|受试者|受試者)?(?:纳入|納入|入选|入選|入组|入組|排除|剔除)(?:标准|標準|条件|條件|准则|準則)?\s*[:：﹕]"
    r"|crit[éeè]rios?\s+de\s+(?:inclus|exclus)(?:ão|ao|ión|ion)\s*[:：])",
    re.IGNORECASE,
)
#: A further heading on the line of a heading, with nothing but a blank before it: "入组标准：A 排除标准：B".
_LATER = re.compile(
    r"(?<=\s)(?:(?:(?:key|main)\s+)?(?:inclusion|exclusion)\s+criteria"
    r"|(?:主要)?(?:纳入|納入|入选|入選|入组|入組|排除|剔除)(?:标准|標準|条件|條件|准则|準則)|crit[éeè]rios?\s+de\s+(?:inclus|exclus)(?:ão|ao|ión|ion))\s*[:：﹕]",
    re.IGNORECASE,
)
_END_OF_LINE = re.compile(r"<br\s*/?>|</(?:p|li|div|h[1-6]|tr)>", re.IGNORECASE)
_TAG = re.compile(r"</?(?:b|strong|p|li|ul|ol|u|i|em|div|span|h[1-6])(?:\s[^<>]*)?>", re.IGNORECASE)
_BOTH = re.compile(r"(?:key\s+)?inclusion\s*(?:and|/|&)\s*exclusion(?:\s+criteria)?$", re.IGNORECASE)


def criteria(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The published text as two lists, inclusion and exclusion, a line each; what stands before any heading counts as inclusion."""
    parts: dict[str, list[str]] = {"in": [], "ex": []}
    into = "in"
    for kind, line in _lines(text):
        into = kind if kind in parts else into
        if line:
            parts[into].append(line)
    return tuple(parts["in"]), tuple(parts["ex"])


def is_split(text: str) -> bool:
    """Whether a heading says of the lines which list they are of."""
    return any(kind in ("in", "ex") for kind, _ in _lines(text))


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line as (what its heading says: `in`, `ex`, `both` or nothing; the criterion on it or nothing)."""
    for line in _apart(text).splitlines():
        plain = _ESCAPED.sub(r"\1", line).strip()
        bare = _BULLET.sub("", plain).strip(_MARKS)
        kind, rest = _heading(bare)
        if not kind:
            yield "", _ESCAPED.sub(r"\1", _BULLET.sub("", line)).strip()
            continue
        later = _LATER.search(rest)
        yield kind, rest[: later.start()].strip() if later else rest
        if later:
            yield from _lines(rest[later.start() :])


def _apart(text: str) -> str:
    """The text with a line for each heading: registries hand on texts in one line, with marks of HTML, or with line ends spelt out."""
    plain = unescape(text)
    spelt = plain if "\n" in plain else plain.replace("\\r", "").replace("\\n", "\n")
    return _MIDDLE.sub("\n", _TAG.sub("", _END_OF_LINE.sub("\n", spelt)))


def _heading(line: str) -> tuple[str, str]:
    """What a line heads, and what follows on it; nothing where it is a criterion."""
    head, colon, rest = _at_colon(line)
    for begin, follows in ((head, rest), *(() if colon else _at_dash(line))):
        kind = _named(begin)
        if kind:
            return kind, follows
    if len(head) > _LONGEST or not head:
        return "", ""
    sentence = _SENTENCE.fullmatch(head) if not rest and (colon or _OPEN_END.search(head)) else None
    if sentence:
        return _kind(sentence), ""
    named = {_kind(found) for found in _NAMED.finditer(head)}
    if not rest and (len(named) > 1 or _BOTH.match(head)):
        return "both", ""
    if colon and named and not rest:  # "Patients must meet all of the following inclusion criteria:"
        return named.pop(), ""
    return "", ""


_OPEN_END = re.compile(r"\b(?:if|when|following(?:\s+criteria)?)$", re.IGNORECASE)


def _named(head: str) -> str:
    """Which list a heading names, with one letter of its word left out, doubled or mistyped at most; nothing where it is none."""
    if not head or len(head) > _LONGEST:
        return ""
    written = unicodedata.normalize("NFKC", head).strip(_MARKS)
    texts = (written, _WORD.sub(_right, written))
    return next((_kind(found) for text in texts for form in _FORMS if (found := form.fullmatch(text))), "")


_WORD = re.compile(r"[A-Za-z]{7,12}")
_RIGHT = ("inclusion", "exclusion", "criteria", "criterion")


def _right(found: re.Match[str]) -> str:
    """A word of a heading without its slip; `inclusion` and `exclusion` are two letters apart, so that none becomes the other."""
    word = found[0].casefold()
    return found[0] if word in _RIGHT else next((one for one in _RIGHT if one_slip(one, word)), found[0])


def _at_dash(line: str) -> Iterator[tuple[str, str]]:
    """A heading and its first criterion with a dash between them: "Exclusion criteria - HIV"."""
    found = re.search(r"\s[-–—]+\s", line)
    if found:
        yield line[: found.start()].strip(), line[found.end() :].strip(_MARKS)


def _at_colon(line: str) -> tuple[str, bool, str]:
    found = re.search(r"[:：﹕]", line)
    if not found:
        return line, False, ""
    return line[: found.start()].strip(), True, line[found.end() :].strip(_MARKS)


def _kind(found: re.Match[str]) -> str:
    return "in" if found["in"] else "ex"
