"""One policy over a whole population, the same on every engine; read `engine.py`, then `population.py`."""
