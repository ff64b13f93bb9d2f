"""The directory of laboratories and centres, changed by signed events; read `directory.py`."""
