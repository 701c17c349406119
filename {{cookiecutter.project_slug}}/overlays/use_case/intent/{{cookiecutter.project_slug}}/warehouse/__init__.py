"""The warehouse of a snapshot: what is counted of its sessions, made once and kept beside it.

`<snapshot>/derived/<hash of the dbt project>.duckdb` holds it. Where an earlier snapshot has one,
only the days whose files are new are computed.
"""

from .state import Warehouse

__all__ = ["Warehouse"]
