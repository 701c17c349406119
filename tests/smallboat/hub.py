"""A repository on GitHub with an account on AWS: its commits, its environments, its machine."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import chdir, suppress
from pathlib import Path
from typing import Any

import copies
from clouds import ROOT, Cloud
from fake_github import NAME, GitHub
from runner import Job, Runner
from smallboat.aws import image
from smallboat.config import config
from toy.problem import PROBLEM
from toy_project import lay

PACKAGE = PROBLEM.package
ACCOUNT = "123456789012"  # moto's
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
}
ENVIRONMENTS = ("staging", "prod")


class Hub:
    """The repository, with this project's files and both environments set up."""

    def __init__(self, folder: Path, cloud: Cloud, github: GitHub) -> None:
        self.folder, self.cloud, self.github = folder, cloud, github
        self.origin = folder / "origin"
        lay(self.origin)
        shutil.copy(ROOT / "uv.lock", self.origin)
        library = self.origin / "vendor"
        library.unlink()
        shutil.copytree(ROOT / "vendor", library, ignore=shutil.ignore_patterns("__pycache__"))
        self.git("init", "-q", "-b", "main")
        for environment in ENVIRONMENTS:
            self.change(
                f"config/{environment}.toml",
                r'(?m)^account = ".*?"',
                f'account = "{ACCOUNT}"',
            )
            self.change(f"config/{environment}.toml", r'(?m)^github = ""', f'github = "{NAME}"')
        self.commit("first")
        hidden = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        environ = {k: v for k, v in cloud.environ.items() if k not in hidden}
        tools = [github.bin / "gh"]
        self.runner = Runner(self.origin, folder / "machine", environ, cloud.client("iam"), tools)

    def git(self, *words: str) -> str:
        """Run git in the repository."""
        who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
        done = subprocess.run(
            ["git", *who, *words], cwd=self.origin, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        """Commit all that changed; returns the commit."""
        self.git("add", "--all")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def change(self, name: str, pattern: str, text: str) -> None:
        """Replace a part of a file, which must be there."""
        file = self.origin / name
        after, found = re.subn(pattern, text, file.read_text())
        assert found, f"{name} has no {pattern}"
        file.write_text(after)

    def append(self, name: str, text: str) -> None:
        """Add lines to a file."""
        with (self.origin / name).open("a") as file:
            file.write(text)

    def do(self, *words: str, environment: str, folder: Path | None = None) -> str:
        """Run a command as an administrator; it must succeed."""
        path = os.pathsep.join([self.cloud.environ["PYTHONPATH"], *copies.paths(ROOT)])
        done = subprocess.run(
            [sys.executable, "-m", "smallboat", *words, "--env", environment],
            cwd=folder or self.origin,
            env={"PATH": os.environ["PATH"], **self.cloud.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def bootstrap(self) -> None:
        """Bootstrap both environments, and put the images of the current files there."""
        for environment in ENVIRONMENTS:
            self.do("bootstrap", environment=environment)
            self.push_image(environment)

    def push_image(self, environment: str) -> None:
        """Put the images of the current files into ECR; the emulator runs processes, not images.

        Staging's are signed, and its previews get one, too.
        """
        previews = [("preview", image.TRAIN)] if environment == "staging" else []
        for name, kind in (("model", image.MODEL), ("train", image.TRAIN), *previews):
            with chdir(self.origin):
                tag = image.content_hash(kind)
            tag = tag if name == "preview" else f"main-{tag}"
            repository = f"{self.settings(environment).name_prefix}-{name}"
            ecr = self.cloud.client("ecr")
            with suppress(ecr.exceptions.ImageAlreadyExistsException):
                put = ecr.put_image(
                    repositoryName=repository,
                    # moto makes an image's digest of those of its layers
                    imageManifest=json.dumps({**MANIFEST, "layers": [{"digest": tag}]}),
                    imageManifestMediaType=MANIFEST["mediaType"],
                    imageTag=tag,
                )
                if environment == "staging" and name != "preview":
                    self.sign(repository, put["image"]["imageId"]["imageDigest"], tag)

    def sign(self, repository: str, digest: str, tag: str) -> None:
        """Sign an image of staging as a workflow on main does."""
        code = (
            "import os; os.environ['GITHUB_REF'] = 'refs/heads/main'\n"
            "from smallboat.aws import aws, provenance\n"
            "from smallboat.config import config\n"
            f"from {PACKAGE}.problem import PROBLEM\n"
            "env = aws.Environment(config.load(PROBLEM, 'staging'))\n"
            f"provenance.sign(env, {repository!r}, {digest!r}, {tag!r})"
        )
        role = f"{self.settings('staging').name_prefix}-build"
        path = os.pathsep.join([self.cloud.environ["PYTHONPATH"], *copies.paths(ROOT)])
        environ = {**self.cloud.environ, "PYTHONPATH": path, "AWS_ACCESS_KEY_ID": role}
        subprocess.run([sys.executable, "-c", code], cwd=self.origin, env=environ, check=True)

    def served(self, environment: str) -> str | None:
        """The release that an environment serves; None before the first."""
        s3, bucket = self.cloud.client("s3"), self.settings(environment).bucket
        try:
            found = s3.get_object(Bucket=bucket, Key="endpoint/history.json")
        except s3.exceptions.NoSuchKey:
            return None
        events = json.loads(found["Body"].read())
        return str(events[-1]["release"])

    def settings(self, environment: str) -> config.Settings:
        """An environment's configuration."""
        with chdir(self.origin):
            return config.load(PROBLEM, environment)

    def run(self, name: str, event: str, payload: Any = None, **github: str) -> dict[str, Job]:
        """Run a workflow for an event."""
        return self.runner.run(name, event, payload, **github)
