"""The command line: python tools/simulate_f1 FOLDER [--seed 1950]."""

import argparse
import sys
from pathlib import Path

# Run by its path, Python looks for modules in this folder, not in the one around the package.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from simulate_f1 import simulate

parser = argparse.ArgumentParser(description="Made-up Formula-1-like seasons as CSV tables.")
parser.add_argument("folder", type=Path)
parser.add_argument("--seed", type=int, default=1950)
arguments = parser.parse_args()
simulate(arguments.folder, arguments.seed)
