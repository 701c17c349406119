"""The toy project's commands."""

import sys

from smallboat.cli import main

from .problem import PROBLEM

if __name__ == "__main__":
    sys.exit(main(PROBLEM))
