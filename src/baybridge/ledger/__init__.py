"""The event streams of the cases and the Merkle log that neighbours witness, so that a patient's history cannot be rewritten unseen; read `log.py`, then `merkle.py`."""
