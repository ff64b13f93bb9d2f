"""Commands for the terminal: thin, no rules; each file is one topic and `main.py` gathers them."""

from baybridge.cli.main import main

__all__ = ["main"]
