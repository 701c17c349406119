"""Made-up Formula-1-like seasons as CSV tables in the Ergast layout.

python tools/simulate_f1 FOLDER [--seed 1950]

Every person, team, circuit and race is invented. The same seed gives the same bytes.
"""

from simulate_f1.names import CIRCUITS
from simulate_f1.season import simulate
from simulate_f1.tables import NULL

__all__ = ["CIRCUITS", "NULL", "simulate"]
