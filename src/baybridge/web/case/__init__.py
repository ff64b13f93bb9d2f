"""The pages of one case; read `view.py`, then `case_pages.py`."""
