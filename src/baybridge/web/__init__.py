"""Pages for people, rendered on the server, working without scripts, in four languages; read `page.py`, then `pages.py`."""
