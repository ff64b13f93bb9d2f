"""Many cases together: quality indicators in the open, so that a centre sees whether patients wait or tests are repeated. Read `indicators.py`."""
