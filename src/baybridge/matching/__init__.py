"""Finds the product and the centre that fit a patient, with a reason for every criterion; read `eligibility.py`, then `referral.py`."""
