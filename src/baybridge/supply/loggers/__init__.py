"""Temperature loggers: their files read by layouts, and what the readings say of cells and product. Read `files.py`, then `judging.py`."""
