"""Whose record it is: names, document numbers and links between records; read `matching.py`."""
