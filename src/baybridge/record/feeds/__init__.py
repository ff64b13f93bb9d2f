"""Files of a laboratory as FHIR: HL7 v2 and tables; read `feed.py`, then `hl7v2.py` and `csv_feed.py`."""
