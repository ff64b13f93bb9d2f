"""Rendering and the frame of every page; read `page.py`, then `pages.py`."""
