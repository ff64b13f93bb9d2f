"""What a file is, by its content: what is taken in as a document of a case, and what is not whatever it is called."""

from __future__ import annotations

import pytest

from attachment_files import BAD, GOOD
from baybridge.node.attachments.media import ENDINGS, media_type


@pytest.mark.parametrize("kind", GOOD)
def test_a_file_is_what_its_content_says(kind: str) -> None:
    assert media_type(GOOD[kind]) == kind


@pytest.mark.parametrize("what", BAD)
def test_markup_programs_archives_and_what_was_cut_short_are_none_of_these(what: str) -> None:
    assert media_type(BAD[what]) is None


def test_every_type_has_an_ending() -> None:
    assert ENDINGS.keys() == GOOD.keys()
