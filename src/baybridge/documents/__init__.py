"""Documents of `data/`: read once, a site's own laid over ours, every problem told at its file and line; read `loader.py`, then `source.py`."""
