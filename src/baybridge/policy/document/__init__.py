"""A policy document, read and checked; read `reader.py`, then `shapes.py`."""
