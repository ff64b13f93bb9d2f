"""Servers in front of a node are named; nobody makes everybody one of them."""

from __future__ import annotations

import pytest

from baybridge.http.proxies import read_networks


def test_every_text_that_names_no_server_in_front_is_told_at_once() -> None:
    assert [str(one) for one in read_networks(["127.0.0.1", "10.0.0.0/8"])] == ["127.0.0.1/32", "10.0.0.0/8"]
    with pytest.raises(ValueError, match=r"^proxy, 0\.0\.0\.0/0, ::/0$"):
        read_networks(["proxy", "10.0.0.0/8", "0.0.0.0/0", "::/0"])
