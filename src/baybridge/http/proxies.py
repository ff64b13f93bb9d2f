"""Who asks, and under which address, where a server in front of the node passes requests on.

Main job: `behind(app, trusted)` reads `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host` of requests that come from a trusted address; from any other
they are not looked at. The rightmost address that is no proxy is who asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from granian.utils.proxies import wrap_asgi_with_proxy_headers
from starlette.types import ASGIApp, Receive, Scope, Send

Network = IPv4Network | IPv6Network
#: Key of a scope that came through a trusted proxy.
FROM_PROXY = "baybridge.from_proxy"


def behind(app: ASGIApp, trusted: Sequence[Network]) -> ASGIApp:
    """The application as it is reached through these proxies; as it is where there are none."""
    if not trusted:
        return app
    inner: ASGIApp = wrap_asgi_with_proxy_headers(app, [str(network) for network in trusted])

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_trusted(scope, trusted):
            scope = {**scope, "headers": [*_with_host(scope["headers"])], FROM_PROXY: True}
        await inner(scope, receive, send)

    return wrapped


def is_trusted(scope: Scope, trusted: Sequence[Network]) -> bool:
    """Whether a request comes straight from one of these addresses."""
    client = scope.get("client")
    try:
        return client is not None and any(ip_address(client[0]) in network for network in trusted)
    except ValueError:
        return False


def read_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Addresses and networks such as 127.0.0.1 and 10.0.0.0/8; ValueError with every text that is none.

    A network of everybody is none: anyone could say where a request comes from.
    """
    found, wrong = [], []
    for text in texts:
        try:
            network = ip_network(text)
        except ValueError:
            network = None
        if network is None or not network.prefixlen:
            wrong.append(text)
        else:
            found.append(network)
    if wrong:
        raise ValueError(", ".join(wrong))
    return tuple(found)


def _with_host(headers: Sequence[tuple[bytes, bytes]]) -> Sequence[tuple[bytes, bytes]]:
    """The head of a request with the host that the proxy was asked for."""
    asked = [value for name, value in headers if name == b"x-forwarded-host"]
    if len(asked) != 1:
        return headers
    return [(name, value) for name, value in headers if name not in (b"host", b"x-forwarded-host")] + [(b"host", asked[0])]
