"""FHIR interactions of one caller: authorised, logged, with what follows; read `interactions.py`."""
