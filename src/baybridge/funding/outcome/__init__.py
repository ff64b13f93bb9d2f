"""Money that comes back when the therapy does not work; read `agreement.py`, then `settling.py`."""
