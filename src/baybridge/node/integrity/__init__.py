"""The log covers what it speaks of, so that nobody's record is changed unseen; read `things.py`, then `check.py`."""
