"""Pages of the site: accounts, directory, centres, codes, trials, the log; read `account_page.py`."""
