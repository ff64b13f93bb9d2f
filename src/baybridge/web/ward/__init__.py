"""The ward: one patient's course on one axis of time, and the board of all in care; read `flowsheet_page.py`, `board_page.py` and `drawing.py` first."""
