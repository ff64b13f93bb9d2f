"""Who signs in and who may do what; read `access.py`, then `accounts.py`."""
