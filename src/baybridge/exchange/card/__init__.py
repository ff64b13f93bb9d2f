"""Results that the patient carries, signed by the laboratory; read `health_card.py`."""
