"""What organisations write to each other about a patient, within the same law as every transfer; read `writing.py`."""
