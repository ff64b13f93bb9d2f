"""What a payer may read of a case in FHIR; how events read in FHIR stands in `rendering.py` of each part, its pieces in `journey/fhir/`."""
