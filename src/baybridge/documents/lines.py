"""Where a field stands in the text of a YAML document.

Main job: `line_of(text, path)` answers the line of `benefit.bands[1].rate`, or of the nearest field around it.

**Units**: lines from 1, as editors count.
"""

from __future__ import annotations

import re

import yaml

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def line_of(text: str, path: str) -> int:
    """The line of a path such as `cases[0].gross`; 1 where nothing of it is there."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line = 1
    for name, index in _STEP.findall(path):
        found = _step(node, name, index)
        if found is None:
            break
        line, node = found
    return line


def _step(node: yaml.Node | None, name: str, index: str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode) and name:
        for key, value in node.value:
            if key.value == name:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and index and int(index) < len(node.value):
        item = node.value[int(index)]
        return item.start_mark.line + 1, item
    return None
