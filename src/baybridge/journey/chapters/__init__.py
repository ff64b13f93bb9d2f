"""The events of a case in chapters, in the order of the road; `events.py` beside this folder is the closed list of all."""
