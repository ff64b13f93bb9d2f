"""Says who pays what, to the cent, before cells are collected, and what comes back when; read `quote/stack.py` and `outcome/agreement.py` first."""
