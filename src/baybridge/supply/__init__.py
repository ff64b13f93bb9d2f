"""Carries the patient's own cells to the plant and the product back, nothing uncertain by; read `chain.py`, then `shipping.py`."""
