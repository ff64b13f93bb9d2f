"""Rules that a clinician can read and a neighbour can re-compute; read `document.py`, `interpret.py`, then `decide.py`."""
