"""The tests of the flow have the copies of the project that may be changed."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "flows"))
