"""One policy over one patient's facts, with every reason; read `decide.py`, then `interpret.py`."""
