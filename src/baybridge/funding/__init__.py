"""Says who pays what, to the cent, before cells are collected, and what comes back when; read `stack.py` and `agreement.py` first."""
