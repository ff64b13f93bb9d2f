"""What was measured or written about a patient, from any source, as FHIR R4 with full history; read `store/store.py`, then `intake/importing.py`."""
