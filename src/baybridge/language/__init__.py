"""What a person reads, in the person's language: sentences, numbers, units; read `texts.py`, then `figures.py`."""
