"""Files that people bring to a case: taken in, kept outside the database, looked at by the site's scanner. Read `receiving.py`, then `files.py`."""
