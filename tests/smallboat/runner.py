"""A machine that carries out the workflows as GitHub's runners do, for what the workflows use.

Each job begins on an empty machine with a checkout of its own. What a real one gets from package
indexes is here already: `.venv` stays in its place (`make setup` brings it up to date), and the
API's packages and tools are those of this project.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import expressions
import yaml
from clouds import GUARD, ROOT
from uv import find_uv_bin

Json = dict[str, Any]
SHELLS = {"": ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}
SECONDS = 600
KEPT = {".venv"}
READY = ("serving/api/node_modules", ".cache/lambda/packages")
"""What a job would get from package indexes."""


class Refused(Exception):  # noqa: N818 - a step's end, no error of the runner
    """A step that fails; the message is what it prints."""


@dataclass
class Step:
    """A step that was carried out."""

    name: str
    result: str
    printed: str = ""


@dataclass
class Job:
    """A job's end: success, failure or skipped."""

    result: str
    outputs: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    summary: str = ""
    environment: str = ""
    artifacts: dict[str, list[str]] = field(default_factory=dict)

    @property
    def printed(self) -> str:
        """All that its steps print."""
        return "\n".join(f"## {step.name}: {step.result}\n{step.printed}" for step in self.steps)

    @property
    def ran(self) -> list[str]:
        """The commands that were carried out."""
        return [step.name for step in self.steps if step.result != "skipped"]


class Runner:
    """Carries out workflows of a repository.

    Attributes:
        origin: the repository, whose `main` is checked out unless an event names another commit.
        instead: commands that stand for those of the workflows.
    """

    def __init__(
        self, origin: Path, folder: Path, environ: Json, iam: Any, tools: list[Path]
    ) -> None:
        """Prepare a machine.

        Args:
            origin: the repository's folder.
            folder: for the machine's disk.
            environ: how AWS's clients find the emulator; no credentials.
            iam: a client of the emulator, by which roles are looked up.
            tools: programs that GitHub's machines have, and this one need not.
        """
        self.origin, self.instead = origin, dict[str, str]()
        self._folder, self._iam = folder, iam
        (folder / "bin").mkdir(parents=True)
        for tool in (Path(find_uv_bin()), *tools):
            (folder / "bin" / tool.name).symlink_to(tool)
        node = folder / "bin" / "node"
        node.write_text(
            f'#!/bin/sh\nexec {shutil.which("node")} --require {GUARD / "loopback.cjs"} "$@"\n'
        )
        node.chmod(0o755)
        (folder / "home").mkdir()
        self._work = folder / "work"
        found = [str(folder / "bin"), str(Path(sys.base_prefix, "bin")), "/usr/local/bin"]
        indexes = {k: v for k, v in os.environ.items() if k.startswith(("UV_", "PIP_", "SSL_"))}
        cache = subprocess.run([find_uv_bin(), "cache", "dir"], capture_output=True, text=True)
        self._environ = {
            "PATH": os.pathsep.join([*found, "/usr/bin", "/bin"]),
            "HOME": str(folder / "home"),
            "CI": "true",
            "UV_CACHE_DIR": cache.stdout.strip(),
            **indexes,
            **environ,
        }

    def run(
        self, name: str, event: str, payload: Json | None = None, **github: str
    ) -> dict[str, Job]:
        """Carry out a workflow for an event; its jobs by their names."""
        workflow = yaml.safe_load((self.origin / f".github/workflows/{name}.yml").read_text())
        payload = payload or {}
        told = {"event_name": event, "event": payload, "repository": "org/repo",
                "server_url": "https://github.com", "ref": "refs/heads/main",
                "run_id": "7"} | github  # fmt: skip
        _triggered(workflow[True], told)  # YAML's name for `on`
        inputs = payload.get("inputs", {})
        done: dict[str, Job] = {}
        while waiting := [each for each in workflow["jobs"] if each not in done]:
            ready = [w for w in waiting if done.keys() >= set(_needs(workflow["jobs"][w]))]
            job = workflow["jobs"][ready[0]]
            needs = {each: vars(done[each]) for each in _needs(job)}
            contexts = {"github": told, "inputs": inputs, "needs": needs, "vars": {}}
            each = _matrix(job, contexts)
            played = [_Playing(self, job, contexts | {"matrix": it}).whole() for it in each]
            done[ready[0]] = _together(played)
        return done


def _needs(job: Json) -> list[str]:
    needs = job.get("needs", [])
    return [needs] if isinstance(needs, str) else list(needs)


def _matrix(job: Json, contexts: Json) -> list[Json]:
    """What each of a job's copies is for: one name with a list, or a list that a job made."""
    matrix = job.get("strategy", {}).get("matrix", {"": [""]})
    ((name, values),) = matrix.items()
    if name == "include":
        made = expressions.fill(values, contexts, {"fromJSON": lambda text: text})
        return list(json.loads(made or "[]")) or [{}]
    return [{name: value} for value in values]


def _together(jobs: list[Job]) -> Job:
    """A job of several copies, which fails if one of them does."""
    first = jobs[0]
    for other in jobs[1:]:
        first.steps += other.steps
        first.result = "failure" if other.result == "failure" else first.result
    return first


def _triggered(on: Json, github: Json) -> None:
    """Fail unless an event starts the workflow."""
    assert github["event_name"] in on, f"{github['event_name']} does not start it"
    asked = on[github["event_name"]] or {}
    if github["event_name"] == "schedule":
        return
    if "types" in asked:
        assert github["event"]["action"] in asked["types"]
    if "branches" in asked:
        branch = github["ref"].removeprefix("refs/heads/")
        assert any(fnmatch(branch, pattern) for pattern in asked["branches"])


class _Playing:
    """One job on one machine."""

    def __init__(self, runner: Runner, job: Json, contexts: Json) -> None:
        self._runner, self._job, self._contexts = runner, job, contexts
        self._work, self._folder = runner._work, runner._folder
        self._failed = any(each["result"] != "success" for each in contexts["needs"].values())
        self._functions = {
            "success": lambda: not self._failed,
            "failure": lambda: self._failed,
            "always": lambda: True,
            "cancelled": lambda: False,
            "hashFiles": lambda *_: "hash",
        }
        self._kept: dict[str, str] = {}
        self._end = Job("skipped")

    def whole(self) -> Job:
        job, fork = self._job, self._contexts["github"]["event"].get("fork")
        if not expressions.condition(job.get("if"), self._contexts, self._functions):
            return self._end
        self._failed = False
        assert job["timeout-minutes"] and job["permissions"], "every job has limits"
        rights = {k: "read" if fork else v for k, v in job["permissions"].items()}
        self._rights = rights
        token = ";".join(f"{name}={right}" for name, right in rights.items())
        self._contexts |= {
            "github": self._contexts["github"] | {"token": token},
            "runner": {"os": "Linux", "arch": "X64"},
            "secrets": {},
            "env": {},
        }
        self._end.environment = self._fill(job.get("environment"))
        _empty(self._work)
        for name in ("summary", "env"):
            (self._folder / name).write_text("")
        steps = self._steps(job["steps"])
        self._end.result = "failure" if self._failed else "success"
        self._end.summary = (self._folder / "summary").read_text()
        contexts = self._contexts | {"steps": steps}
        self._end.outputs = {
            name: expressions.fill(value, contexts, self._functions)
            for name, value in job.get("outputs", {}).items()
        }
        return self._end

    def _steps(self, steps: list[Json]) -> Json:
        """Carry out steps; what later ones know of them."""
        known: Json = {}
        self._contexts["steps"] = known
        for step in steps:
            name = step.get("name") or step.get("run") or step["uses"].partition("@")[0]
            known[step.get("id", name)] = {"outcome": "skipped", "outputs": {}}
            if not expressions.condition(step.get("if"), self._contexts, self._functions):
                self._end.steps.append(Step(name, "skipped"))
                continue
            outputs, printed, fails = self._one(step)
            self._contexts["steps"] = known  # those of an action are its own
            if printed is not None:
                self._end.steps.append(Step(name, "failure" if fails else "success", printed))
            self._failed |= fails and not step.get("continue-on-error", False)
            outcome = "failure" if fails else "success"
            known[step.get("id", name)] = {"outcome": outcome, "outputs": outputs}
        return known

    def _one(self, step: Json) -> tuple[dict[str, str], str | None, bool]:
        """Outputs of a step, what it prints, and whether it fails."""
        if "run" in step:
            return self._command(step)
        action = step["uses"].partition("@")[0]
        given = {name: self._fill(value) for name, value in step.get("with", {}).items()}
        if action.startswith("./"):
            inner = yaml.safe_load((self._work / action / "action.yml").read_text())
            before = self._failed, self._contexts["inputs"]
            defaults = {name: it.get("default", "") for name, it in inner.get("inputs", {}).items()}
            self._failed, self._contexts["inputs"] = False, defaults | given
            self._steps(inner["runs"]["steps"])
            fails = self._failed
            self._failed, self._contexts["inputs"] = before
            return {}, None, fails
        try:
            return {}, PLAYED[action](self, given) or "", False
        except Refused as refused:
            return {}, str(refused), True

    def _command(self, step: Json) -> tuple[dict[str, str], str, bool]:
        output = self._folder / "output"
        output.write_text("")
        github = self._contexts["github"]
        variables = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": github["event_name"],
            "GITHUB_REF": github["ref"],
            "GITHUB_REPOSITORY": github["repository"],
            "GITHUB_RUN_ID": github["run_id"],
            "GITHUB_SERVER_URL": github["server_url"],
            "GITHUB_OUTPUT": str(output),
            "GITHUB_ENV": str(self._folder / "env"),
            "GITHUB_STEP_SUMMARY": str(self._folder / "summary"),
            "RUNNER_TEMP": str(self._folder),
        }
        own = {name: self._fill(value) for name, value in step.get("env", {}).items()}
        self._kept |= _pairs(self._folder / "env")
        script = self._folder / "script.sh"
        command = self._fill(step["run"])
        script.write_text(self._runner.instead.get(command, command))
        done = subprocess.run(
            ["timeout", str(SECONDS), *SHELLS[step.get("shell", "")], str(script)],
            cwd=self._work / self._fill(step.get("working-directory")),
            env=self._runner._environ | variables | self._kept | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        _guard(self._work)
        return _pairs(output), done.stdout, done.returncode != 0

    def _fill(self, value: Any) -> str:
        return expressions.fill(value, self._contexts, self._functions)

    def checkout(self, given: Mapping[str, str]) -> None:
        assert given["persist-credentials"] == "false"
        github, folder = self._contexts["github"], self._work / given.get("path", "")
        ref = given.get("ref") or github.get("sha") or "main"
        folder.mkdir(parents=True, exist_ok=True)
        for words in (["init", "-q"], ["fetch", "-q", str(self._runner.origin), ref],
                      ["checkout", "-q", "-f", "FETCH_HEAD"]):  # fmt: skip
            subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
        for name in READY:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(ROOT / name)
        # git writes it anew; node_modules is as old as this project's.
        os.utime(folder / "serving/api/package-lock.json", (0, 0))

    def credentials(self, given: Mapping[str, str]) -> str:
        """Become a role, if it exists and trusts this job."""
        role = given["role-to-assume"].rpartition("/")[2]
        if self._rights.get("id-token") != "write":
            raise Refused("the job has no `id-token: write`")
        try:
            found = self._runner._iam.get_role(RoleName=role)["Role"]
        except self._runner._iam.exceptions.NoSuchEntityException:
            raise Refused(f"Could not assume role {role}") from None
        (statement,) = found["AssumeRolePolicyDocument"]["Statement"]
        place, github = self._end.environment, self._contexts["github"]
        otherwise = "pull_request" if github["event_name"] == "pull_request" else ""
        where = f"environment:{place}" if place else otherwise or f"ref:{github['ref']}"
        subject = f"repo:org/repo:{where}"
        if subject not in str(statement["Condition"]):
            raise Refused(f"{role} does not trust {subject}")
        region = given["aws-region"]
        self._kept |= {"AWS_ACCESS_KEY_ID": role, "AWS_SECRET_ACCESS_KEY": "secret",
                       "AWS_REGION": region, "AWS_DEFAULT_REGION": region}  # fmt: skip
        return f"became {role}"

    def upload(self, given: Mapping[str, str]) -> None:
        found = [str(path.relative_to(self._work)) for path in self._work.glob(given["path"])]
        if not found and given["if-no-files-found"] != "ignore":
            raise Refused(f"no file is {given['path']}")
        hidden = any(part.startswith(".") for part in Path(given["path"]).parts)
        assert given.get("include-hidden-files") == "true" or not hidden
        self._end.artifacts[given["name"]] = found

    def nothing(self, given: Mapping[str, str]) -> None:
        """A machine that is prepared already."""


PLAYED: dict[str, Any] = {
    "actions/checkout": _Playing.checkout,
    "actions/setup-python": _Playing.nothing,
    "actions/setup-node": _Playing.nothing,
    "actions/cache": _Playing.nothing,
    "actions/cache/restore": _Playing.nothing,
    "actions/cache/save": _Playing.nothing,
    "actions/upload-artifact": _Playing.upload,
    "aws-actions/configure-aws-credentials": _Playing.credentials,
}
"""Actions, as far as a machine without the network can be them."""


def _guard(work: Path) -> None:
    """Keep the environments of a checkout from other hosts; make hides PYTHONPATH from them."""
    for site in work.glob("**/.venv/lib/python*/site-packages"):
        if not (site / "guard.pth").exists():
            line = f"import sys; sys.path.insert(0, {str(GUARD)!r}); import sitecustomize\n"
            (site / "guard.pth").write_text(line)
            code = "import socket; socket.create_connection(('192.0.2.1', 9), 1)"
            python = site.parents[2] / "bin" / "python"
            refused = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True)
            assert "the guard refuses" in refused.stderr, refused.stderr


def _empty(folder: Path) -> None:
    """Leave nothing but the environments of packages."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name in KEPT:
            continue
        if path.is_dir() and not path.is_symlink():
            _empty(path)
            if not any(path.iterdir()):
                path.rmdir()
        else:
            path.unlink()


def _pairs(file: Path) -> dict[str, str]:
    """The values that a command wrote for later steps."""
    lines = file.read_text().splitlines() if file.is_file() else []
    return dict(line.split("=", 1) for line in lines)
