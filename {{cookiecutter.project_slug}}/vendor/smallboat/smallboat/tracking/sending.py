"""Sends archives in a process of its own, which ends with all that the tracker's client started.

So a client can't patch, slow down or break the step, and what it prints can't show a secret.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import UserError

PACKAGES = {"comet": "comet-ml", "mlflow": "mlflow-skinny", "wandb": "wandb"}
"""The package of each tracker's client; each is an extra of the library."""


@dataclass
class Outcome:
    """What became of archives."""

    archives: list[Path]
    disabled: str = ""  # why the tracker's own settings forbid experiments
    obstacle: str = ""  # why nothing was tried
    failures: list[str] = field(default_factory=list)

    def check(self, lost: bool = False) -> None:
        """Print how many arrived; UserError if some did not.

        Args:
            lost: whether the folder goes with this machine, as that of a job.
        """
        left = sum(archive.exists() for archive in self.archives)
        total, folder = len(self.archives), self.archives[0].parent
        print(f"tracking: {total - left} of {total} experiments sent")
        if left:
            stay = f"stay in {folder} for `make tracking-upload`"
            fate = "are lost, as a job keeps no archives" if lost else stay
            raise UserError(f"{left} of them {fate}: {'; '.join(self.failures)}")


def to_install(tracker: str) -> str:
    """What to do to have a tracker's client."""
    return f"add {tracker} to the extras of smallboat in pyproject.toml, then run make setup"


def send(tracker: str, project: str, archives: list[Path], patient: bool) -> Outcome:
    """Send archives and move each that arrived to the subfolder `sent`.

    Args:
        tracker: comet, mlflow or wandb.
        project: the tracker's name for what belongs together.
        archives: in one folder.
        patient: whether to go on after a failure; each may take a minute.
    """
    outcome = Outcome(archives)
    try:
        version(PACKAGES[tracker])
    except PackageNotFoundError:
        outcome.obstacle = f"{PACKAGES[tracker]} is not installed: {to_install(tracker)}"
        return outcome
    with TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        process = _start([tracker, project, str(int(patient)), *map(str, archives)], temporary)
        try:
            for line in process.stdout or ():
                _take(json.loads(line), outcome)
            _tell_a_crash(outcome, process.wait())
        finally:
            _end(process)
    return outcome


def _start(arguments: list[str], temporary: str) -> "subprocess.Popen[str]":
    """Start the process; what it has in the temporary folder goes even if it is killed."""
    library = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (library, os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, "-m", "smallboat.tracking.sender", *arguments],
        env=os.environ | {"PYTHONPATH": path, "TMPDIR": temporary},
        stdin=subprocess.PIPE,  # its end tells the process that this one has ended
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def _take(event: dict[str, str], outcome: Outcome) -> None:
    match event["kind"]:
        case "disabled":
            outcome.disabled = event["reason"]
        case "obstacle":
            outcome.obstacle = event["reason"]
        case "online":
            print(f"tracking: {event['name']}, online at {event['address']}", flush=True)
        case "sent":
            archive = Path(event["archive"])
            (archive.parent / "sent").mkdir(exist_ok=True)
            with suppress(FileNotFoundError):  # another process has sent it, too
                archive.replace(archive.parent / "sent" / archive.name)
        case "failed":
            outcome.failures.append(f"{Path(event['archive']).name}: {event['reason']}")


def _end(process: "subprocess.Popen[str]") -> None:
    """Kill what is left of the process and of all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()


def _tell_a_crash(outcome: Outcome, code: int) -> None:
    if code == -signal.SIGALRM:
        outcome.failures.append("the tracker took longer than a minute")
    elif code:
        outcome.failures.append(f"the tracker's client crashed (exit code {code})")
