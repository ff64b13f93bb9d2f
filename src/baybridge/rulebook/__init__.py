"""Looks after policies: checks them, words them, compares them, runs them over a population; read `library.py`, `checking.py`, then `wording.py`."""
