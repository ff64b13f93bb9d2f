"""Lists that somebody takes along as a spreadsheet; read `taking.py`, then the list in its own file."""
