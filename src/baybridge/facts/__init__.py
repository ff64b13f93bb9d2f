"""What is known of a patient as of a moment, and where each value came from; read `dictionary.py`, `factset.py`, then `reading.py`."""
