"""What happened to a patient's case and what must happen next; read `events.py`, then `case.py`, then `pathway.py`."""
