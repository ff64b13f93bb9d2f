"""Every command: who may give it, its input, what it is judged by and what follows; read `table.py`, then `judging.py`."""
