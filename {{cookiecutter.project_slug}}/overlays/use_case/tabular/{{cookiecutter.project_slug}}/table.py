"""The table that is predicted from, as config/problem.toml describes it."""

from pathlib import Path

from smallboat.table import schema

ROOT = Path(__file__).resolve().parents[1]
TABLE = schema.load(ROOT / "config" / "problem.toml")
