"""Rules that a clinician can read and a neighbour can re-compute; read `document/reader.py`, `one_case/interpret.py`, then `one_case/decide.py`."""
