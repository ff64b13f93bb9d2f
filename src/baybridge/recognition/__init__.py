"""Spares the patient a repeated test: what an outside result is worth here; read `recognise.py`, then `request.py` and `outcome.py`."""
