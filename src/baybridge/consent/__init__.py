"""What the patient allowed, to whom, for what, until when; read `grants.py`, then `rules.py`."""
