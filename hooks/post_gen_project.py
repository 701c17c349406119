"""Lay the chosen use case and licence over the project; remove the rest."""

import json
import shutil
from pathlib import Path

ANSWERS = r"""{{ cookiecutter | tojson }}"""
OVERLAYS = Path("overlays")


def lay(answers: dict[str, str]) -> None:
    """Copy each chosen overlay over the project in the current folder."""
    for question in sorted(folder.name for folder in OVERLAYS.iterdir()):
        shutil.copytree(OVERLAYS / question / answers[question], ".", dirs_exist_ok=True)
    shutil.rmtree(OVERLAYS)
    for compiled in Path("vendor").rglob("__pycache__"):  # of the template's own tests
        shutil.rmtree(compiled)


if __name__ == "__main__":
    answers = json.loads(ANSWERS)
    lay(answers)
    print(f"made {answers['project_slug']}; next: cd {answers['project_slug']} && make train")
