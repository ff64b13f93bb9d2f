"""Event streams and the Merkle log, so that a patient's history cannot be rewritten unseen; read `log.py`, then `merkle.py`."""
