"""One running site, from configuration to storage; `handle` is the only way in. Read `node.py`, `handle.py`, then `commands/table.py`."""
