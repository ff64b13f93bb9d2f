"""What would happen if: simulation over invented or pooled patients. Imports the parts; no part imports it. Read `policy_lab.py` first."""
