"""How late something is, in each language of the product: a unit that a language's table lacks is no word of a program."""

from __future__ import annotations

from datetime import timedelta

import pytest
from babel import Locale

from baybridge.documents.loader import Documents
from baybridge.language.languages import languages_of
from baybridge.web.page.lateness import span_said

_SAID = {
    "en": ("0 mins", "59 mins", "1 hr", "47 hrs", "2 days", "62 days"),
    "pt": ("0 min", "59 min", "1 h", "47 h", "2 dias", "62 dias"),
    "zh-Hans": ("0分钟", "59分钟", "1小时", "47小时", "2天", "62天"),
    "zh-Hant": ("0 分鐘", "59 分鐘", "1 小時", "47 小時", "2 日", "62 日"),
}
_SPANS = (
    timedelta(seconds=59), timedelta(minutes=59, seconds=59), timedelta(hours=1, minutes=59), timedelta(hours=47, minutes=59),
    timedelta(days=2), timedelta(days=62, hours=23),
)  # fmt: skip


_LANGUAGES = languages_of(Documents().folder)


@pytest.mark.parametrize("code", _LANGUAGES)
def test_a_span_is_said_in_whole_units_rounded_down(code: str) -> None:
    locale = Locale.parse(_LANGUAGES[code].locale)
    assert tuple(span_said(span, locale) for span in _SPANS) == _SAID[code]
