"""Which tables a database has, by a version of the schema, and how one of an older version is brought up; read `version.py`, then `upgrading.py`."""
