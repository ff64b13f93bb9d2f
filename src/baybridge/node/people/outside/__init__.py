"""Signing in by what an organisation has already; read `entering.py`, then `openid.py` and `identities.py`."""
