"""Lets a patient's data cross a border only as far as law, consent and purpose allow; read `transfer/check.py`, then `fhir/rendering.py`."""
