"""`python -m baybridge` is the `baybridge` command."""

from baybridge.cli import main

main(prog_name="baybridge")
