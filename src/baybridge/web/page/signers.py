"""The names of the persons who sign at a node, as pages print them beside a signature (21 CFR 11.50).

Main job: `names(node)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baybridge.node.people import persons

if TYPE_CHECKING:
    from baybridge.node.node import Node


def names(node: Node) -> dict[str, str]:
    """The name of every person of this node."""
    with node.storage.reading() as connection:
        return persons.names(connection)
