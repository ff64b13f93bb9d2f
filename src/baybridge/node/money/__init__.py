"""Money over all cases of a node: grants and what waits for a payer; read `payer.py`."""
