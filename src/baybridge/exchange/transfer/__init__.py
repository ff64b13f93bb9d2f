"""Whether data may cross a border, and only what the purpose needs; read `check.py`, then `profiles.py` and `sending.py`."""
