"""The short mark of a case or a key, as pages show it."""

from __future__ import annotations

from baybridge.base.ids import mark_of


def test_a_mark_is_the_last_six_signs_without_what_looks_like_a_name_of_a_program() -> None:
    assert mark_of("019fe5f4-81ea-79b9-a9f8-cb2aa59885a2") == "9885A2"
    assert mark_of("zU3vmXk9YJC_jsy") == "JC-JSY"
