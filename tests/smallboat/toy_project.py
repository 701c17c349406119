"""The toy problem as a project: the template's shared tree around it, laid without a bake."""

import shutil
from pathlib import Path

import jinja2
from smallboat.testing import toy

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[1] / "{{cookiecutter.project_slug}}"
PLAIN = (".github",)
RENDERED = (".gitignore", "Makefile", "flows", "infra", "pyproject.toml", "serving")
ANSWERS = {
    "use_case": "toy",
    "project_name": "Toy",
    "project_slug": "toy",
    "aws_region": "mx-central-1",
    "tracker": "comet",
    "__toml_description": '"A toy"',
    "__toml_author": '"Toy Makers"',
    "__owner": "Toy Makers",
}


def lay(folder: Path) -> Path:
    """Make a toy project in a folder; its library is the one that is tested."""
    for name in PLAIN:
        shutil.copytree(SHARED / name, folder / name)
    for name in RENDERED:
        for source in _files(SHARED / name):
            _render(source, folder / source.relative_to(SHARED))
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(toy.__file__).parent, folder / "toy", ignore=unwanted)
    tests = shutil.ignore_patterns("*.py", "__pycache__")
    shutil.copytree(HERE / "config", folder / "config", ignore=tests)
    shutil.copytree(HERE / "static", folder / "serving" / "api" / "static")
    (folder / "vendor").symlink_to(SHARED / "vendor")
    return folder


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    hidden = {"node_modules", "__pycache__"}
    return [each for each in path.rglob("*") if each.is_file() and not hidden & set(each.parts)]


def _render(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    content = source.read_bytes()
    if b"cookiecutter." in content:
        environment = jinja2.Environment(
            keep_trailing_newline=True, undefined=jinja2.StrictUndefined
        )
        content = environment.from_string(content.decode()).render(cookiecutter=ANSWERS).encode()
    target.write_bytes(content)
