"""The demo network: four nodes, invented patients, driven through the product's own commands; read `network.py`, `patients.py`, `history.py`."""
