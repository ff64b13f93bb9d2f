"""Keeping a node: backups while it works, restoring one on any machine, what neighbours had seen since; read `backups.py`, then `restoring.py`."""
