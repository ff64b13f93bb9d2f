"""Stays with the patient for life: hand-over home, visits without an end, second malignancies; read `visits.py`, then `handover.py`."""
