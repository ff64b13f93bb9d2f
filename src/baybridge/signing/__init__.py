"""Two persons where one is not enough: what was asked, who may confirm, what it means; read `confirming.py`."""
