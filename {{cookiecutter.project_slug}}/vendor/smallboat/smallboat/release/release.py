"""A release: which run, against which champion, by which steps, and which of three outcomes.

Released: it passed and is not inferior. Kept: the champion's model stays, for the challenger is
inferior or the same. Failed: a gate or check broke, and what was served before is served still.
"""

import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..config import sections
from ..errors import IntegrityError, ReleaseError, UserError
from ..evaluation import comparison
from ..problem import Problem
from ..serving import servers
from ..store import release_bundle, runs, store
from . import smoke_tests

TRIED = 5
"""How many runs a deployment tries, the newest first, before it gives up."""


class Target(Protocol):
    """Where releases are served; what it serves is the champion.

    An update is final once it is confirmed. Until then `undo` takes it back, which `alone` does
    with what a killed deployment left.

    Attributes:
        network_overhead_ms: what a question takes to get there and back.
    """

    network_overhead_ms: float

    def locked(self) -> AbstractContextManager[None]:
        """Keep other deployments out; UserError if one goes on."""

    def current(self) -> release_bundle.Release | None:
        """The release that is served, or None before the first; UserError if it can't be read."""

    def folder(self) -> Path:
        """The files of the current release."""

    def previous(self) -> Path | None:
        """The files of the release to go back to, or None."""

    def outdated(self) -> bool:
        """Whether the current release would be served by another image or settings now."""

    def pre_switch_server(self, folder: Path) -> AbstractContextManager[servers.Ask]:
        """The same server on a release that is not served yet."""

    def update(self, folder: Path) -> None:
        """Serve the release in a folder, which is copied."""

    def live_server(self) -> AbstractContextManager[servers.Ask]:
        """What is served now."""

    def confirm(self, back: bool = False) -> None:
        """Make the update final; `back` says that it was one to the previous release."""

    def undo(self) -> None:
        """Serve what was confirmed last."""


@dataclass(frozen=True)
class Outcome:
    """How a deployment ended (released, kept, failed) or a way back (rolled back), and why."""

    name: str
    message: str

    @property
    def exit_code(self) -> int:
        """That of the command."""
        return ReleaseError.exit_code if self.name == "failed" else 0


class NotComparableError(ReleaseError):
    """Nobody can say which model is better: that asks for a person, not for an earlier run."""


def deploy(
    problem: Problem,
    target: Target,
    root: str,
    rules: sections.Release,
    run: str | None = None,
    allow_schema_change: bool = False,
    features_run: str | None = None,
) -> Outcome:
    """Release the newest run that passes, or that run; earlier ones are tried if checks break.

    Args:
        problem: the project's.
        target: where to.
        root: the model store.
        rules: the `[release]` of the configuration.
        run: the one run to try.
        allow_schema_change: release it even if it can't be compared with the champion.
        features_run: the run whose online features go with the model, if not its own.
    """
    broken: list[str] = []
    with target.locked():
        for tried in _challengers(root, run, broken):
            try:
                pair = tried, features_run or tried
                outcome = _try(problem, target, root, pair, rules, allow_schema_change)
            except (ReleaseError, IntegrityError) as error:
                broken.append(f"run {tried} failed: {error}")
                print(broken[-1], flush=True)
                if isinstance(error, NotComparableError):
                    break
            else:
                if outcome.name == "released" or not broken:
                    return outcome
                broken.append(outcome.message)
                break
    return Outcome("failed", "; ".join(broken))


def roll_back(problem: Problem, target: Target, rules: sections.Release) -> Outcome:
    """Serve the release before the current one again, by the same steps."""
    with target.locked():
        folder = target.previous()
        if folder is None:
            raise UserError("there is no earlier release to go back to")
        try:
            return Outcome("rolled back", _switch(problem, target, folder, rules, back=True))
        except ReleaseError as error:
            return Outcome("failed", str(error))


def _challengers(root: str, run: str | None, broken: list[str]) -> list[str]:
    """The runs to try, the newest first; if there are none, why is added to what is broken."""
    known, skipped = runs.evaluations(root), runs.skipped(root)
    if skipped and run is None:
        print("\n".join(runs.skipped_lines(skipped)), flush=True)
    chosen = runs.pick(run, known, skipped)
    wanted = known if run is None else [chosen]
    passing = [each for each in wanted if known[each].get("passed")]
    if not passing:
        gates = [gate["gate"] for gate in known[chosen].get("gates", []) if not gate["passed"]]
        newest = "no run passed its gates; the newest, " if run is None else ""
        broken.append(f"{newest}run {chosen}, failed: {', '.join(gates) or 'its gates'}")
    return passing[:TRIED]


def _try(
    problem: Problem,
    target: Target,
    root: str,
    pair: tuple[str, str],
    rules: sections.Release,
    allow_schema_change: bool,
) -> Outcome:
    run, features_run = pair
    challenger, knows = (release_bundle.read(store.run_folder(root, each)) for each in pair)
    features = release_bundle.Features.of(knows.folder, features_run, knows.evaluation["snapshot"])
    try:
        current = target.current()
    except UserError as error:
        current, compared = None, comparison.not_comparable(str(error))
    else:
        if current is None:
            return Outcome("released", _release(problem, target, challenger, features, rules))
        compared = comparison.against(problem, root, challenger, target.folder(), rules.margin)
    why = f"run {run} is {compared['outcome']}: {compared['message']}"
    if compared["outcome"] == "not comparable" and not allow_schema_change:
        back = "`make rollback` goes back to the release before, " if target.previous() else ""
        raise NotComparableError(f"{why}; {back}`make deploy ALLOW_SCHEMA_CHANGE=1` releases it")
    if current is None or compared["outcome"] not in ("inferior", "the same"):
        print(why, flush=True)
        return Outcome("released", _release(problem, target, challenger, features, rules))
    champion = release_bundle.served(target.folder())
    served = release_bundle.Features.of(
        champion.folder, current["features_run"], current["snapshot"]
    )
    if _newer(root, features, served):
        if challenger.inputs == champion.inputs:
            told = _release(problem, target, champion, features, rules)
            return Outcome("kept", f"{why}; its newer features are served: {told}")
        why += "; the champion does not take its newer features"
    if target.outdated():
        told = _release(problem, target, champion, served, rules)
        why += f"; it is served anew, by the image and settings of now: {told}"
    return Outcome("kept", why)


def _newer(root: str, features: release_bundle.Features, served: release_bundle.Features) -> bool:
    """Whether features tell more than those that are served: of a newer event, or corrected."""
    known = runs.evaluations(root)
    ours, theirs = (
        (each.as_of, known.get(each.run, {}).get("created", "")) for each in (features, served)
    )
    return features.online != served.online and ours > theirs


def _release(
    problem: Problem,
    target: Target,
    model: release_bundle.Bundle,
    features: release_bundle.Features,
    rules: sections.Release,
) -> str:
    with tempfile.TemporaryDirectory() as folder:
        release_bundle.write(Path(folder), model, features)
        return _switch(problem, target, Path(folder), rules)


def _switch(
    problem: Problem, target: Target, folder: Path, rules: sections.Release, back: bool = False
) -> str:
    """Ask it beside what is served; switch; ask again; go back if an answer is wrong or late."""
    release_bundle.verify(folder)
    with target.pre_switch_server(folder) as ask:
        smoke_tests.check(problem, "before the switch", ask, folder, rules.latency_ms)
    try:
        target.update(folder)
        with target.live_server() as ask:
            smoke_tests.check(
                problem,
                "after the switch",
                ask,
                folder,
                rules.latency_ms + target.network_overhead_ms,
            )
        target.confirm(back)
    except BaseException:
        target.undo()
        raise
    return release_bundle.describe(store.read_json(folder / "release.json"))
