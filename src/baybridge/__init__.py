"""Baybridge carries a CAR-T patient, the records, cells and money across three regions; start with `README.md`, then `docs/architecture.md`."""
