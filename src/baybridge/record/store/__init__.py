"""The FHIR store: every version, search and what comes along; read `store.py`, then `search.py`."""
