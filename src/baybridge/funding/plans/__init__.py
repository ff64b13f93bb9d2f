"""Plans of payers and funds: their terms, their quota, who can apply; read `plans.py`, then `layers.py`."""
