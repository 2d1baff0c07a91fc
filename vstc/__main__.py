"""Run the command line as ``python -m vstc``."""

from vstc.cli import main

main()
