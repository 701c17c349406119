"""`make check`: the problem against its contract, on the newest snapshot or the configured data."""

import tempfile
from pathlib import Path

from ..config import config
from ..errors import FullDiskError, UserError
from ..problem import Problem
from . import answering, interface, learning, outcomes, tables
from .sample import Sample, Unavailable, described

RULES = {
    "data and features": tables.RULES,
    "metrics and candidates": learning.RULES,
    "service": (*answering.RULES, *outcomes.RULES),
}


def check(problem: Problem, environment: str) -> int:
    """Print every breach of the contract as a sentence; 0 if there is none, else 2.

    The rows are those of the newest snapshot; before the first one, the configured source is read
    into a temporary folder. Nothing is kept.
    """
    found = list(interface.problems(problem))
    broken = {part for part, _ in found}
    skipped = bool(broken)
    if "data" not in broken:
        settings = config.load(problem, environment)
        with tempfile.TemporaryDirectory() as folder:
            breaches, unchecked = _apply(Sample(problem, settings, Path(folder)), broken)
        found, skipped = found + breaches, skipped or unchecked
    for where, what in found:
        print(f"{where}: {what}")
    if not found:
        print("the problem keeps the contract")
        return 0
    rest = "; what depends on them was not checked" if skipped else ""
    print(f"{len(found)} {'problem' if len(found) == 1 else 'problems'}{rest}")
    return UserError.exit_code


def _apply(sample: Sample, broken: set[str]) -> tuple[list[tuple[str, str]], bool]:
    """What the rules find, and whether one of them could not be applied."""
    found: list[tuple[str, str]] = []
    skipped = False
    for title, rules in RULES.items():
        print(f"checking {title}", flush=True)
        for where, rule in rules:
            if where.partition(".")[0] in broken:
                continue
            try:
                for what in rule(sample):
                    found.append((where, what))
            except Unavailable:
                skipped = True
            except FullDiskError:
                raise
            except Exception as error:
                found.append((where, described(sample.problem, error)))
    return found, skipped
