"""A file of outside records comes in, whole and once; read `importing.py`, then `planning.py`."""
