"""What was measured or written about a patient, from any source, as FHIR R4 with full history; read `store.py`, then `importing.py`."""
