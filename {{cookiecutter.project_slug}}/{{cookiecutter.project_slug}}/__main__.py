"""The project's commands, as the Makefile calls them."""

import sys

from smallboat.cli import main

from .problem import PROBLEM

sys.exit(main(PROBLEM))
