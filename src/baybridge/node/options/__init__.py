"""A patient's options, trials and what other thresholds would change; read `options.py`."""
