"""The same stack of payers over a whole population; read `population.py`."""
