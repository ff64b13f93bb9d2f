"""Pages for people, rendered on the server, working without scripts, in four languages; read `page/page.py`, then `page/pages.py`."""
