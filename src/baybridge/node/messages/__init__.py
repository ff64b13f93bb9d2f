"""Messages that leave the building: who is told by which way, and each way out. Read `outbox.py`, then `ways.py`."""
