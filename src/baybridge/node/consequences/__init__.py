"""What follows from a write: rows queued in its transaction, done at least once. Read `row.py`, `queue.py`, then `table.py`."""
