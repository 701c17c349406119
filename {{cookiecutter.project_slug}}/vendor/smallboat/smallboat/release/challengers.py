"""Which runs a deployment tries."""

from ..errors import UserError
from ..evaluation import gates
from ..store import runs

MAX_RUNS = 5
"""How many runs a deployment tries, the newest first, before it gives up."""

ELSEWHERE = (
    "{} has no runs yet: add FROM=local for what this machine serves (and RUN=<id> for another of "
    "its runs), or train there: `make train ENV=…`"
)


def choose(root: str, run: str | None) -> tuple[str, list[str], list[str]]:
    """The given or newest run, the runs to try, and if there are none of these, the reason."""
    evaluations, skipped = runs.read(root)
    if run is None:
        for reason in skipped.values():
            print(f"skipped: {reason}", flush=True)
    if run is None and not evaluations and not skipped and root.startswith("s3://"):
        raise UserError(ELSEWHERE.format(root))
    chosen = runs.pick(run, evaluations, skipped)
    candidates = evaluations if run is None else [chosen]
    passed = [each for each in candidates if evaluations[each].get("passed")]
    if passed:
        return chosen, passed[:MAX_RUNS], []
    newest = "no run passed its gates; the newest, " if run is None else ""
    failed = gates.failures(evaluations[chosen]) or "its gates"
    return chosen, [], [f"{newest}run {chosen}, failed: {failed}"]
