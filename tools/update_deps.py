"""Move the date up to which template and projects take packages, if projects train with them.

`make update-deps` of a project does it in one of f1, whose date and versions the template
takes over, and in one of tabular. The report is kept for a pull request.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cookiecutter.main import cookiecutter

ROOT = Path(__file__).resolve().parent.parent
MADE = ROOT / "{{cookiecutter.project_slug}}"
REPORT = Path(".cache", "update-deps.md")
USE_CASES = ("f1", "tabular")
DATE = re.compile(r'(?m)^exclude-newer = "([^"]+)"')


def date(folder: Path) -> str:
    """The date in a pyproject.toml, as 2026-11-15T00:00:00Z."""
    (found,) = DATE.findall((folder / "pyproject.toml").read_text())
    return str(found)


def taken(projects: list[Path]) -> dict[Path, str]:
    """What the template's files become: the date of updated projects, the server's versions."""
    new = {}
    for folder in (ROOT, MADE):
        file = folder / "pyproject.toml"
        new[file] = DATE.sub(f'exclude-newer = "{date(projects[0])}"', file.read_text(), count=1)
    (lock,) = MADE.rglob("serving/model/requirements.lock")
    new[lock] = (projects[0] / "serving" / "model" / lock.name).read_text()
    return new


def update(project: Path, day: str | None) -> bool:
    """Run `make update-deps` in a project; whether it took newer packages."""
    words = ["make", "--no-print-directory", "update-deps", *([f"DATE={day}"] if day else [])]
    done = subprocess.run(words, cwd=project)
    if done.returncode:
        sys.exit(f"error: {project.name}: see above; the template is as before")
    return (project / REPORT).exists()


@contextmanager
def written(files: dict[Path, str]) -> Iterator[None]:
    """Write files, and their old texts again if the block fails."""
    old = {file: file.read_text() for file in files}
    try:
        for file, text in files.items():
            file.write_text(text)
        yield
    except BaseException:
        for file, text in old.items():
            file.write_text(text)
        raise


def main(day: str | None) -> None:
    """Update projects, then the template, which must have versions of that date, too."""
    with tempfile.TemporaryDirectory() as folder:
        projects = []
        for use_case in USE_CASES:
            answers = {"use_case": use_case}
            made = cookiecutter(str(ROOT), no_input=True, output_dir=folder, extra_context=answers)
            if not update(Path(made), day):
                return
            projects.append(Path(made))
            day = date(projects[0])[:10]
        with written(taken(projects)):
            if subprocess.run(["uv", "lock", "--quiet", "--upgrade"], cwd=ROOT).returncode:
                sys.exit("error: no versions of the template's own packages fit together")
        tell([f"## {project.name}\n\n{(project / REPORT).read_text()}" for project in projects])


def tell(reports: list[str]) -> None:
    """Keep the reports for a pull request; GitHub's job learns that there is one."""
    (ROOT / REPORT).parent.mkdir(exist_ok=True)
    (ROOT / REPORT).write_text("\n".join(reports))
    print(f"next: commit the changed files; the report is {REPORT}")
    if output := os.environ.get("GITHUB_OUTPUT"):
        with open(output, "a") as file:
            file.write("changed=true\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
