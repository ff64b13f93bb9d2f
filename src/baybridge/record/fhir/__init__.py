"""FHIR R4 itself: definitions, validation, references; read `validate.py`, then `references.py`."""
