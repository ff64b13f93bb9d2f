"""Outside records and codes come in and find their patient; read `importing.py`, then `identity.py`."""
