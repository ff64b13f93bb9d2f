"""Services over HTTP: FHIR, commands, decisions, the log, node to node; read `services.py` first."""
