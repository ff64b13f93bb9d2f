"""Pages of policies: read, compared, tried with other thresholds; read `policy_pages.py`."""
