"""The pieces that renderings of events as FHIR are made of, for every part; read `writer.py`."""
