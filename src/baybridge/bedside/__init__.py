"""Gives the right product to the right patient at the right time, then keeps watch; read `infusion.py`, then `monitoring.py`."""
