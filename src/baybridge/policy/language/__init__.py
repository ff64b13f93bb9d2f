"""The language of rules, a small part of SQL in three values; read `expression.py`, `parse.py`, then `check.py`."""
