"""The case in FHIR R4: every event as resources that any client can read; read `rendering.py`."""
