"""Pages of money: quotes, payers, programmes, the policy lab; read `funding_page.py`."""
