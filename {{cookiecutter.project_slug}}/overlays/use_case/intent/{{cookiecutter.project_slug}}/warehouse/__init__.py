"""The warehouse of a snapshot: what is counted of its sessions, made once and kept beside it.

`<snapshot>/derived/<hash of the dbt project>-<hash of the file>.duckdb` holds it; one that was
changed since is made again. Where an earlier snapshot has one, only the days whose files are new
are computed.
"""

from .state import Warehouse

__all__ = ["Warehouse"]
