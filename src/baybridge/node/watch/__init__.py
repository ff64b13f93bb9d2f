"""Watches over infused patients and calls for help; read `watching.py` for what is looked at when, then `lane.py` for the clock."""
