"""Releasing a run: check it against the champion, switch to it, check again, undo if that fails.

A release has one of three outcomes. Released: it passed the checks and is not inferior. Kept: the
challenger is inferior or the same, so the champion's model stays. Failed: a gate or a check
failed, and the champion is still served. A champion that stays gets newer online features.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from ..config import sections
from ..errors import IntegrityError, NoCandidateError, ReleaseError, UserError, ended
from ..evaluation import comparison, gates
from ..problem import Problem
from ..serving import servers
from ..store import release_bundle, runs, store
from ..store.release_bundle import Bundle, Release
from . import history, smoke_tests
from .challengers import choose
from .targets.target import Target

UNCHANGED = "what is served has not changed"


@dataclass(frozen=True)
class Outcome:
    """How a deployment (released, kept, failed) or a rollback (rolled back, failed) ended.

    Attributes:
        name: one of these.
        message: why.
        changed: whether another release is served than before.
        no_candidate: whether the champion is kept because no candidate of the run passed its gates.
    """

    name: str
    message: str
    changed: bool = False
    no_candidate: bool = False

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        if self.name == "failed":
            return ReleaseError.exit_code
        return NoCandidateError.exit_code if self.no_candidate else 0

    def check(self) -> None:
        """UserError with the exit code, unless that is 0."""
        if self.exit_code:
            served = "" if self.changed else f"; {UNCHANGED}"
            raise ended(f"{self.message}{served}", self.exit_code)


class NotComparableError(ReleaseError):
    """The better model is unknown. A person decides; older runs are not tried."""


@dataclass(frozen=True)
class Releaser:
    """Releases runs of a project to one target.

    Attributes:
        problem: the project's.
        target: where the releases are served.
        rules: the `[release]` of the configuration.
        origin: the environment that its runs are promoted from, if any.
    """

    problem: Problem
    target: Target
    rules: sections.Release
    origin: str = ""

    def deploy(
        self,
        root: str,
        run: str | None = None,
        allow_schema_change: bool = False,
        features_run: str | None = None,
    ) -> Outcome:
        """Release one run, or the newest that passes: if its checks fail, older ones are tried.

        Args:
            root: the model store.
            run: the only run to try.
            allow_schema_change: release it even if it can't be compared with the champion.
            features_run: the run whose online features go with the model, if not its own.
        """
        with self.target.locked():
            chosen, challengers, failures = choose(root, run)
            outcome = self._first(root, challengers, failures, features_run, allow_schema_change)
            newest = features_run or chosen
            tried = outcome.name == "kept" and newest == (features_run or challengers[0])
            return outcome if outcome.changed or tried else self._refresh(root, newest, outcome)

    def refresh_features(self, root: str, run: str) -> Outcome:
        """Keep the champion's model, and serve it with the online features of a run that failed.

        Args:
            root: the model store.
            run: a run that failed its gates.
        """
        evaluation = store.read_json(store.run_folder(root, run) / "evaluation.json")
        reason = f"no candidate of run {run} passed its gates: {gates.failures(evaluation)}"
        with self.target.locked():
            return self._refresh(root, run, Outcome("kept", reason, no_candidate=True))

    def roll_back(self) -> Outcome:
        """Serve the previous release again, after the same checks."""
        with self.target.locked():
            folder = self.target.previous()
            if folder is None:
                raise UserError("there is no earlier release to go back to")
            try:
                message = self._switch(release_bundle.load(folder), "a rollback", back=True)
            except ReleaseError as error:
                return Outcome("failed", str(error))
            return Outcome("rolled back", message, changed=True)

    def _first(
        self,
        root: str,
        challengers: list[str],
        failures: list[str],
        features_run: str | None,
        allow_schema_change: bool,
    ) -> Outcome:
        """The outcome of the first challenger whose checks pass; failed if one failed before it."""
        for challenger in challengers:
            try:
                outcome = self._try(root, challenger, features_run, allow_schema_change)
            except (ReleaseError, IntegrityError) as error:
                failures.append(f"run {challenger} failed: {error}")
                history.keep_out(root, challenger, "failed", str(error))
                print(failures[-1], flush=True)
                if isinstance(error, NotComparableError):
                    break
            else:
                if outcome.name == "released" or not failures:
                    return outcome
                failures.append(outcome.message)
                break
        return Outcome("failed", "; ".join(failures))

    def _refresh(self, root: str, run: str, outcome: Outcome) -> Outcome:
        """Serve the champion with a run's online features, if they are newer, else as it was."""
        try:
            if self.target.current() is None:
                return outcome
            champion = release_bundle.load(self.target.folder())
        except UserError:  # nobody knows what the champion takes
            return outcome
        try:
            features = release_bundle.read_features(store.run_folder(root, run))
            if not _newer(root, features.release, champion.release):
                return outcome
            kept = self._keep(root, champion, features, outcome.message)
        except (ReleaseError, IntegrityError) as error:
            return Outcome("failed", f"{outcome.message}; its online features failed: {error}")
        return replace(outcome, message=kept.message, changed=kept.changed)

    def _try(
        self, root: str, run: str, features_run: str | None, allow_schema_change: bool
    ) -> Outcome:
        challenger = features = release_bundle.read(store.run_folder(root, run))
        if features_run not in (None, run):
            features = release_bundle.read_features(store.run_folder(root, str(features_run)))
        try:
            first = self.target.current() is None
            champion = None if first else release_bundle.load(self.target.folder())
        except UserError as error:
            champion, result = None, comparison.not_comparable(str(error))
        else:
            if champion is None:
                served = self._release(challenger, features, "the first release")
                return Outcome("released", served, changed=True)
            result = comparison.against(self.problem, root, challenger, champion, self.rules.margin)
        reason = f"run {run} is {result['outcome']}: {result['message']}"
        if result["outcome"] == "not comparable" and not allow_schema_change:
            go_back = "go back with `make rollback`, or " if self.target.previous() else ""
            raise NotComparableError(
                f"{reason}; {go_back}release it with `make deploy ALLOW_SCHEMA_CHANGE=1`"
            )
        if champion is None or result["outcome"] not in ("inferior", "the same"):
            print(reason, flush=True)
            served = self._release(challenger, features, reason)
            return Outcome("released", served, changed=True)
        if result["outcome"] == "inferior":
            history.keep_out(root, run, "kept", reason)
        return self._keep(root, champion, features, reason)

    def _keep(self, root: str, champion: Bundle, features: Bundle, reason: str) -> Outcome:
        """Keep the champion's model, with newer features, image or settings if there are any."""
        if _newer(root, features.release, champion.release):
            if features.inputs == champion.inputs:
                newer = f"newer online features of run {features.release['features_run']}"
                served = self._release(champion, features, f"{newer}; {reason}")
                message = f"{reason}; the champion now serves its newer online features: {served}"
                return Outcome("kept", message, changed=True)
            reason += "; the champion does not take its newer online features: their inputs differ"
        if self.target.outdated():
            served = self._release(champion, champion, "the current image and settings")
            reason += f"; the champion was redeployed with the current image and settings: {served}"
        return Outcome("kept", reason)

    def _release(self, model: Bundle, features: Bundle, reason: str) -> str:
        reason = f"promoted from {self.origin}; {reason}" if self.origin else reason
        with tempfile.TemporaryDirectory() as folder:
            return self._switch(release_bundle.write(Path(folder), model, features), reason)

    def _switch(self, release: Bundle, reason: str, back: bool = False) -> str:
        """Check a release, serve it and check it again; undo if that fails; returns its text."""
        latency_ms = self.rules.latency_ms
        with servers.temporary_model_server(self.problem, release.folder) as ask:
            smoke_tests.check(self.problem, "pre-switch check", ask, release, latency_ms)
        latency_ms += self.target.network_overhead_ms
        try:
            self.target.update(release.folder, back)
            with self.target.live_server() as ask:
                smoke_tests.check(self.problem, "post-switch check", ask, release, latency_ms)
            self.target.confirm(reason, back)
        except BaseException:
            self.target.undo()
            raise
        warnings = release.evaluation.get("warnings", [])
        return "; warning: ".join([str(release), *warnings])


def _newer(root: str, features: Release, served: Release) -> bool:
    """Whether online features differ and are newer; without dates the run decides."""
    if features["online_features_hash"] == served["online_features_hash"]:
        return False
    dated = all("features_as_of" in each for each in (features, served))
    age, served_age = (
        (each["features_as_of"] if dated else "", runs.created(root, each["features_run"]))
        for each in (features, served)
    )
    return bool(age > served_age)
