"""The project's commands, as the Makefile calls them."""

import sys

from smallboat.cli import main

from .problem import PROBLEM

if __name__ == "__main__":
    sys.exit(main(PROBLEM))
