"""Asking payers before and billing them after; read `preauthorisation.py`, then `claiming.py`."""
