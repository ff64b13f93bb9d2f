"""What a monitoring system reads of a node: requests by route, and how much waits, in the text form of Prometheus.

Main job: `observe(method, route, status, seconds)` for each request; `publish(node, port)` answers `/metrics` on loopback
alone. Labels are names of routes and lanes, never ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from baybridge.node.node import Node
from baybridge.node.upkeep.gauges import gauges

REGISTRY = CollectorRegistry()
_REQUESTS = Counter("baybridge_requests", "Requests answered.", ("method", "route", "status"), registry=REGISTRY)
_SECONDS = Histogram("baybridge_request_seconds", "Time until the head of an answer.", ("route",), registry=REGISTRY)


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request that was answered."""
    requests, took = _of(method, route, status)
    requests.inc()
    took.observe(seconds)


@lru_cache(maxsize=1024)
def _of(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return _REQUESTS.labels(method, route, str(status)), _SECONDS.labels(route)


class _OfNode(Collector):
    """The gauges of a node, read when somebody asks."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every gauge that can be read now; one that cannot is left out."""
        for gauge in gauges(self._node):
            family = GaugeMetricFamily(f"baybridge_{gauge.name}", gauge.meaning, labels=(gauge.label,) if gauge.label else ())
            for label, value in gauge.values.items():
                family.add_metric((label,) if gauge.label else (), value)
            yield family


def publish(node: Node, port: int) -> None:
    """Answer `/metrics` on this port of loopback; OSError where it is taken."""
    REGISTRY.register(_OfNode(node))
    start_http_server(port, addr="127.0.0.1", registry=REGISTRY)
