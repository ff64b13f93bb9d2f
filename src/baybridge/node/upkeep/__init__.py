"""What a node does by itself: projections, tasks, the worker, founding; read `worker.py`."""
