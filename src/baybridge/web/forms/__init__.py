"""Forms made from the input of commands; read `forms.py`, then `shape.py`."""
