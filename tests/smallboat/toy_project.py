"""The toy problem as a project: the template's shared tree around it, laid without a bake."""

import shutil
from pathlib import Path

import jinja2
from smallboat.testing import toy

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[1] / "{{cookiecutter.project_slug}}"
CLOUD = SHARED / "overlays" / "cloud" / "aws"
PLAIN = ".github"
RENDERED = (".gitignore", "Makefile", "cloud.mk", "flows", "infra", "pyproject.toml", "serving")
ANSWERS = {
    "use_case": "toy",
    "cloud": "aws",
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
    for tree in (SHARED, CLOUD):
        shutil.copytree(tree / PLAIN, folder / PLAIN, dirs_exist_ok=True)
        for source in (file for name in RENDERED for file in _files(tree / name)):
            _render(source, folder / source.relative_to(tree))
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
