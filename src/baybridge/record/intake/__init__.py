"""A file of outside records comes in, whole and once; read `importing.py`, then `planning.py` and, for whose ids an id is, `sources.py`."""
