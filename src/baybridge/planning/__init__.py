"""Plans of collections, manufacturing starts and infusions over centres and plants, week by week. Read `written.py`, then `schedule.py`."""
