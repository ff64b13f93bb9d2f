"""From a bare server to a node that can be served, for whoever installs it at a hospital; begin with `answers.py`, then `making.py`."""
