"""Other nodes: packages signed by their sender and sealed to one receiver, receipts, witnesses; read `package.py`, then `transfers.py`."""
