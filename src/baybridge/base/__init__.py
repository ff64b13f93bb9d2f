"""What every part shares: identifiers, time, money, quantities, outcomes, keys; read `outcome.py` and `time.py` first."""
