"""The hooks as functions, and a refusal as a person sees it."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import ROOT, hook, pre
from hypothesis import given
from hypothesis import strategies as st

from combinations import REFUSED

post = hook("post_gen_project")


@pytest.mark.parametrize("slug", ["f1_predictor", "ab", "shop2", "a" * 30])
def test_good_slugs(slug: str) -> None:
    assert pre.slug_problem(slug, ["f1 ab2", "shop"]) is None


@pytest.mark.parametrize(
    "slug",
    ["", "a", "F1", "1f", "f1-predictor", "a b", "é1", "a" * 31, "../x", "x\n", "ab_", "a__b"],
)
def test_slugs_that_name_no_package(slug: str) -> None:
    assert "no Python package name" in pre.slug_problem(slug, [])


@pytest.mark.parametrize("slug", ["scipy", "google", "data"])
def test_slugs_that_are_reserved(slug: str) -> None:
    assert "choose one of your own" in pre.slug_problem(slug, ["data google", "scipy"])


@given(st.text())
def test_an_accepted_slug_is_an_importable_name(slug: str) -> None:
    assert pre.slug_problem(slug, []) is not None or slug.isidentifier()


def test_an_old_cookiecutter_is_named_first() -> None:
    answers = {"__year": "{% now %}", "__asked_slug": "{{ x }}", "aws_region": "Ireland"}
    (sentence,) = pre.problems(answers, [])
    assert f"this is cookiecutter {version('cookiecutter')} and" in sentence
    assert "2.1 or newer: pipx install cookiecutter, or uvx cookiecutter" in sentence
    assert pre.version_problem({"__year": "2026"}) is None


@pytest.mark.parametrize("region", ["eu-west-1", "mx-central-1", "ap-southeast-2"])
def test_good_regions(region: str) -> None:
    assert pre.region_problem(region) is None


@pytest.mark.parametrize(
    "region", ["Ireland", "eu-west", "eu_west_1", "", "us-gov-east-1", "cn-north-1", "eu-west-1\n"]
)
def test_bad_regions(region: str) -> None:
    assert "as in eu-west-1" in pre.region_problem(region)


def test_laying_an_overlay_replaces_files_and_removes_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "shared": "shared",
        "overlays/use_case/f1/deep/own": "f1",
        "overlays/use_case/other/deep/own": "other",
        "overlays/licence/MIT/LICENSE": "MIT",
        "overlays/cloud/aws/cloud.mk": "aws",
    }.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    post.lay({"use_case": "f1", "licence": "MIT", "cloud": "none"})
    left = {str(p.relative_to(tmp_path)): p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {"shared": "shared", "deep/own": "f1", "LICENSE": "MIT"}


@pytest.mark.parametrize(("answers", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_answer_gets_one_sentence_and_leaves_nothing(
    tmp_path: Path, answers: dict[str, str], sentence: str
) -> None:
    made = tmp_path / "deep" / "made"
    ((name, value),) = answers.items()
    done = run([sys.executable, "-m", "cookiecutter"], "--no-input", "-o", made, f"{name}={value}")
    assert done.returncode != 0
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert sentence in error and repr(value) in error
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["deep", "made"]


WHO = {
    f"GIT_{who}_{what}": "somebody@example.org"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}
"""For commits, where git does not know who makes them."""


@pytest.mark.parametrize("tool", ["cookiecutter", "cruft"])
def test_the_commands_at_the_end_work_as_they_are_typed(tool: str, tmp_path: Path) -> None:
    folder, template = tmp_path / "a folder", ROOT
    folder.mkdir()
    if tool == "cruft":
        template = repository(tmp_path / "template")
    create = {"cookiecutter": [], "cruft": ["create"]}[tool]
    command = [sys.executable, "-m", tool, *create, template, "--no-input", "--default-config"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    first, *steps = done.stdout.splitlines()
    assert first == "made f1_predictor; next:"
    assert steps[-1] == "  make train"
    assert steps[1] == "  make setup"  # whose uv.lock is committed; the walks run it
    typed(" && ".join([steps[0], *steps[2:-1]]), folder)
    made = folder / "f1_predictor"
    assert subprocess.check_output(["git", "log", "--format=%s"], cwd=made) == b"First commit\n"
    assert subprocess.check_output(["git", "status", "--porcelain"], cwd=made) == b""
    kept = subprocess.check_output(["git", "ls-files"], cwd=made, text=True).splitlines()
    assert (".cruft.json" in kept) == (tool == "cruft")
    if tool == "cruft":
        update = """-m cruft update --skip-apply-ask --variables-to-update '{"author": "We"}'"""
        updated = typed(f"{shlex.quote(sys.executable)} {update}", made)
        assert "updated" in updated and "next:" not in updated  # nothing about its own folders


def typed(command: str, folder: Path) -> str:
    """The output of what a person types in a folder."""
    environment = os.environ | WHO
    return subprocess.check_output(command, shell=True, cwd=folder, env=environment, text=True)


def repository(folder: Path) -> Path:
    """The template as a repository, which cruft needs."""
    folder.mkdir()
    for name in ("cookiecutter.json", "hooks", "{{cookiecutter.project_slug}}"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    typed("git init --quiet && git add --all && git commit --quiet --message first", folder)
    return folder


def test_in_a_repository_no_commit_is_offered(tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert post.next_steps(made, str(tmp_path))[0] == "cd made"
    assert post.next_steps(made, "/elsewhere")[0] == f"cd {made}"
    assert len(post.next_steps(made, "")) == 4
    (tmp_path / ".git").mkdir()
    assert post.next_steps(made, str(tmp_path)) == ["cd made", "make train"]


def other(release: str) -> list[str]:
    """Another release of cookiecutter."""
    return ["uvx", "--with", "setuptools", "--from", f"cookiecutter=={release}", "cookiecutter"]


def test_an_old_cookiecutter_gets_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    done = run(other("1.7.3"), "--no-input", "-o", tmp_path)
    assert done.returncode != 0
    assert "error: this is cookiecutter 1.7.3 and the template needs 2.1 or newer" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_old_cookiecutter_that_asks_says_so_instead(tmp_path: Path) -> None:
    done = run(other("1.7.3"), "-o", tmp_path, typed="\n")
    assert done.returncode != 0
    assert "project_name [this template needs cookiecutter 2.1 or newer, this is" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_oldest_cookiecutter_makes_the_same_project(tmp_path: Path) -> None:
    named = json.loads((ROOT / "cookiecutter.json").read_text())
    questions = sum(not name.startswith("_") for name in named)
    made = []
    for tool in ([sys.executable, "-m", "cookiecutter"], other("2.1.1")):
        folder = tmp_path / str(len(made))
        done = run(tool, "-o", folder, typed="\n" * questions)
        assert done.returncode == 0, done.stderr
        files = [path for path in folder.rglob("*") if path.is_file()]
        made.append({path.relative_to(folder): path.read_bytes() for path in files})
    assert made[0] == made[1]
    assert Path("f1_predictor/Makefile") in made[0]


def run(
    tool: list[str], *words: str | Path, typed: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Call a cookiecutter on the template, without anybody's own configuration."""
    return subprocess.run(
        [*tool, ROOT, *words, "--default-config"],
        input=typed,
        capture_output=True,
        text=True,
    )
