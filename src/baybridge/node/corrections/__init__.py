"""What follows from putting an entry right at this node; read `making.py`."""
