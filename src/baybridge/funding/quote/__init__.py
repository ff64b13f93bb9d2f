"""Who pays what before cells are collected; read `stack.py`, then `quoting.py`."""
