"""How requests come in for pages and services alike: routes, limits, sessions; read `doors.py`."""
