"""What a payer sees of its own cases and money; read `worklist.py`, then `portfolio.py`."""
