"""One file that proves what happened, checked offline by anyone; read `verify.py`, then `case.py`."""
