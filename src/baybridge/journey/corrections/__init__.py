"""What was entered wrongly is put right without losing that it was entered; read `correcting.py`, then `resting.py`."""
