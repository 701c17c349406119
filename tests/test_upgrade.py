"""`make upgrade`: a newer library in a project, checked, or the old one again."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import BIN, ROOT, Standalone
from smallboat.upgrade import library

# What a shell starts with `&` ignores it, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

TEMPLATE = Path("{{cookiecutter.project_slug}}")
VENDOR = Path("vendor", "smallboat")
WATCHED = ("pyproject.toml", "uv.lock", "vendor")
OWN = """
import time
from collections.abc import Iterator
from pathlib import Path

from smallboat.errors import nearest


def test_of_the_owner() -> None:
    Path("running").touch()
    while Path("wait").exists():
        time.sleep(0.1)
    assert nearest("trian", ["train"]) == "did you mean 'train'?"
"""
NEWS = """# Changelog

## {}

What came with {}.

"""


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def release(template: Path, version: str) -> None:
    """Give the template's library another version, with a file and an entry of its own."""
    library = template / TEMPLATE / VENDOR
    code = library / "smallboat" / "__init__.py"
    code.write_text(re.sub('__version__ = ".*"', f'__version__ = "{version}"', code.read_text()))
    (library / "smallboat" / f"new_{version.replace('.', '_')}.py").write_text("")
    news = library / "CHANGELOG.md"
    entry = NEWS.format(version, version)
    news.write_text(news.read_text().replace("# Changelog\n\n", entry, 1))
    git(template, "add", "--all")
    git(template, "commit", "--quiet", "--message", version)
    git(template, "tag", f"v{version}")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of templates: good 0.90.0 and 0.90.1, and 1.0.0, on which the project fails."""
    folder = tmp_path_factory.mktemp("git") / "template"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / TEMPLATE / VENDOR, folder / TEMPLATE / VENDOR, ignore=ignored)
    git(folder, "init", "--quiet", "--initial-branch=main")
    for version in ("0.90.0", "0.90.1"):
        release(folder, version)
    errors = folder / TEMPLATE / VENDOR / "smallboat" / "errors.py"
    errors.write_text(errors.read_text().replace("did you mean", "do you mean"))
    release(folder, "1.0.0")
    return folder


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Standalone:
    """A project whose tests are one test."""
    project = Standalone(tmp_path_factory.mktemp("project"))
    for file in (project.folder / "tests").glob("*.py"):
        file.unlink()
    (project.folder / "tests" / "test_own.py").write_text(OWN)
    return project


@pytest.fixture
def project(baked: Standalone, tmp_path: Path) -> Iterator[Standalone]:
    """The project as it was made, for each test anew."""
    for name in WATCHED:
        source = baked.folder / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    yield baked
    for name in WATCHED:
        target = baked.folder / name
        if target.is_dir():
            shutil.rmtree(target)
        (shutil.copytree if target.suffix == "" else shutil.copy)(tmp_path / name, target)
    for name in (".cruft.json", "running", "wait"):
        (baked.folder / name).unlink(missing_ok=True)
    baked.do(BIN / "uv", "sync", "--quiet")


def files(project: Standalone) -> dict[str, bytes]:
    """What an upgrade may change."""
    watched = [project.folder / name for name in WATCHED]
    every = [each for path in watched for each in (path.rglob("*") if path.is_dir() else [path])]
    return {
        str(each.relative_to(project.folder)): each.read_bytes()
        for each in every
        if each.is_file() and each.suffix != ".pyc"
    }


def installed(project: Standalone) -> str:
    code = "from importlib.metadata import version; print(version('smallboat'))"
    return project.python("-c", code).strip()


def waiting(project: Standalone, template: Path) -> "subprocess.Popen[bytes]":
    """An upgrade whose test of the project runs until the file `wait` is removed."""
    (project.folder / "wait").touch()
    words = [".venv/bin/smallboat", "upgrade", "--from", str(template), "--version", "v0.90.0"]
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    running = subprocess.Popen(words, cwd=project.folder, env=environment, process_group=0)
    until = time.monotonic() + 60
    while not (project.folder / "running").exists() and time.monotonic() < until:
        time.sleep(0.2)
    return running


def test_an_upgrade_brings_library_bound_and_environment(
    project: Standalone, template: Path
) -> None:
    old = installed(project)
    printed = project.do("make", "upgrade", f"FROM={template}", "VERSION=v0.90.1")
    assert f"smallboat {old} -> 0.90.1\n" in printed
    assert "  added    smallboat/new_0_90_0.py\n" in printed
    assert "  changed  smallboat/__init__.py\n" in printed
    assert "What came with 0.90.1." in printed and "What came with 0.90.0." in printed
    assert f"## {old}" not in printed
    assert "1 passed" in printed
    assert printed.endswith("next: commit vendor, pyproject.toml and uv.lock\n")
    library = template / TEMPLATE / VENDOR
    git(template, "checkout", "--quiet", "v0.90.1")
    expected = {path.relative_to(library) for path in library.rglob("*") if path.is_file()}
    git(template, "checkout", "--quiet", "main")
    own = project.folder / VENDOR
    there = {path.relative_to(own) for path in own.rglob("*") if path.suffix != ".pyc"}
    assert {path for path in there if (own / path).is_file()} == {*expected, Path("SHA256SUMS")}
    assert ']>=0.90,<0.91"' in (project.folder / "pyproject.toml").read_text()
    assert installed(project) == "0.90.1"
    assert [path.name for path in (project.folder / "vendor").iterdir()] == ["smallboat"]
    again = project.do("make", "upgrade", f"FROM={template}", "VERSION=v0.90.1")
    assert again == "nothing to do: vendor/smallboat is smallboat 0.90.1 of this template\n"


def test_a_folder_without_git_is_taken_as_it_is(
    project: Standalone, template: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "downloaded"
    shutil.copytree(template / TEMPLATE, copy / TEMPLATE)
    errors = copy / TEMPLATE / VENDOR / "smallboat" / "errors.py"
    errors.write_text(errors.read_text().replace("do you mean", "did you mean"))
    assert "1 passed" in project.do("make", "upgrade", f"FROM={copy}")
    assert ']>=1.0,<2"' in (project.folder / "pyproject.toml").read_text()


def test_a_library_that_was_edited_is_replaced_by_force_only(
    project: Standalone, template: Path
) -> None:
    library = project.folder / VENDOR / "smallboat"
    (library / "mine.py").write_text("")
    (library / "disk.py").write_text((library / "disk.py").read_text() + "# edited\n")
    (library / "rate_limit.py").unlink()
    before = files(project)
    words = ["make", "upgrade", f"FROM={template}", "VERSION=v0.90.0"]
    refused = project.run(*words)
    assert refused.returncode and files(project) == before
    listed = ("changed  smallboat/disk", "added    smallboat/mine", "removed  smallboat/rate_limit")
    assert all(f"  {each}.py\n" in refused.stderr for each in listed)
    assert "`make upgrade FORCE=1` drops them" in refused.stderr
    assert "smallboat/cli.py" not in refused.stderr
    # That cruft made it from this template it says itself.
    (project.folder / ".cruft.json").write_text(json.dumps({"template": str(template)}))
    project.do("make", "upgrade", "VERSION=v0.90.0", "FORCE=1")
    assert not (library / "mine.py").exists() and (library / "rate_limit.py").exists()


def test_without_its_hashes_a_library_is_replaced_by_force_only(
    project: Standalone, template: Path
) -> None:
    (project.folder / VENDOR / "SHA256SUMS").unlink()
    refused = project.run("make", "upgrade", f"FROM={template}")
    assert "vendor/smallboat/SHA256SUMS is missing" in refused.stderr


def test_if_the_project_fails_all_is_as_before(project: Standalone, template: Path) -> None:
    before, version = files(project), installed(project)
    failed = project.run("make", "upgrade", f"FROM={template}")
    assert failed.returncode and "1 failed" in failed.stdout
    assert "error: the project's tests failed with the new library" in failed.stderr
    assert files(project) == before and installed(project) == version
    kept = project.run("make", "upgrade", f"FROM={template}", "KEEP=1")
    assert kept.returncode and "the new library is kept" in kept.stderr
    assert installed(project) == "1.0.0"
    assert [path.name for path in (project.folder / "vendor").iterdir()] == ["smallboat"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_after_an_interruption_the_old_library_comes_back(
    project: Standalone, template: Path, ending: signal.Signals
) -> None:
    before, version = files(project), installed(project)
    running = waiting(project, template)
    os.killpg(running.pid, ending)
    running.wait()
    (project.folder / "wait").unlink()
    if ending == signal.SIGKILL:
        assert files(project) != before
        again = project.run("make", "upgrade", "FROM=/nowhere")
        assert "an upgrade was interrupted; the library is the one from before it" in again.stdout
    assert files(project) == before and installed(project) == version


def test_two_upgrades_at_once_do_not_disturb_each_other(
    project: Standalone, template: Path
) -> None:
    running, before = waiting(project, template), files(project)
    second = project.run("make", "upgrade", f"FROM={template}", "VERSION=v0.90.1")
    assert second.returncode
    assert "error: another `make upgrade` or `make update-deps` is running: wait" in second.stderr
    assert files(project) == before
    (project.folder / "wait").unlink()
    assert running.wait() == 0 and installed(project) == "0.90.0"


@pytest.mark.parametrize(
    ("source", "version", "message"),
    [
        ("{template}", "v9.9.9", "invalid reference: v9.9.9"),
        ("{template}/nowhere", "", "could not get the template: `git clone"),
        ("", "", "which template? Name its git URL or folder: `make upgrade FROM=...`"),
        ("{project}", "", "is not a template of this library: it has no vendor/smallboat"),
    ],
)
def test_a_wrong_source_changes_nothing(
    project: Standalone, template: Path, source: str, version: str, message: str
) -> None:
    before = files(project)
    named = source.format(template=template, project=project.folder)
    words = {"FROM": named, "VERSION": version}.items()
    failed = project.run("make", "upgrade", *(f"{name}={word}" for name, word in words if word))
    assert failed.returncode and message in failed.stderr and "Traceback" not in failed.stderr
    assert files(project) == before


@pytest.mark.parametrize(
    ("bound", "version", "expected"),
    [
        (">=0.3,<0.4", "0.3.9", ">=0.3,<0.4"),
        (">=0.3.2,<0.5", "0.4.0", ">=0.3.2,<0.5"),
        (">=0.3,<0.4", "0.4.0", ">=0.4,<0.5"),
        (">=0.3.2,<0.4", "0.3.1", ">=0.3,<0.4"),
        (">=0.9,<0.10", "0.10.2", ">=0.10,<0.11"),
        (">=0.9,<0.10", "1.2.3", ">=1.2,<2"),
        (">=1.2,<2", "1.1.0", ">=1.1,<2"),
    ],
)
def test_a_bound_changes_if_the_version_is_outside_of_it(
    bound: str, version: str, expected: str
) -> None:
    text = '"smallboat[train,warehouse]{}",\n"numpy>=2.1,<3",\n"smallboat[api]",\n'
    assert library._bounded(text.format(bound), version) == text.format(expected)


@pytest.mark.parametrize(
    ("old", "new", "first", "news"),
    [
        ("0.9.0", "0.11.0", "smallboat 0.9.0 -> 0.11.0", ["0.11.0", "0.10.0"]),
        ("0.10.0", "0.10.0", "smallboat 0.10.0 -> 0.10.0 (the same version)", []),
        ("0.11.0", "0.9.0", "smallboat 0.11.0 -> 0.9.0 (a downgrade)", []),
    ],
)
def test_the_summary_has_the_news_between_the_versions(
    old: str, new: str, first: str, news: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = "".join(f"\n## {each}\n\n- News\n" for each in ("0.11.0", "0.10.0", "0.9.0"))
    for folder, version in ((VENDOR, old), (Path("new"), new)):
        code = tmp_path / folder / "smallboat" / "__init__.py"
        code.parent.mkdir(parents=True)
        code.write_text(f'__version__ = "{version}"\n')
        (tmp_path / folder / "CHANGELOG.md").write_text(f"# Changelog\n{entries}")
    monkeypatch.chdir(tmp_path)
    summary = library._summary(Path("new"), "  added    new.py\n")
    assert summary.startswith(f"{first}\n  added    new.py")
    assert re.findall(r"(?m)^## (.*)$", summary) == news
