"""What is known of a patient as of a moment, each value with where it came from; read `dictionary.py`, then `factset.py`, then `reading.py`."""
