"""Refuse a wrong answer, or an old cookiecutter, with one sentence that says what is right."""

from __future__ import annotations  # an old cookiecutter may run on an old Python

import json
import re
import sys
from importlib.metadata import version

ANSWERS = r"""{{ cookiecutter | tojson }}"""


def version_problem(answers: dict[str, str]) -> str | None:
    """Why this cookiecutter can't make the project, or None.

    Private variables are rendered by every version that can.
    """
    if "{" not in answers["__year"]:
        return None
    return (
        f"this is cookiecutter {version('cookiecutter')} and the template needs 2.1 or newer: "
        "pipx install cookiecutter, or uvx cookiecutter"
    )


def slug_problem(slug: str, reserved: list[str]) -> str | None:
    """Why a slug can't name a folder, a Python package and AWS resources, or None."""
    if not re.fullmatch(r"[a-z](_?[a-z0-9])+", slug) or len(slug) > 30:
        return (
            f"the project slug {slug!r} is no Python package name: use 2 to 30 lower-case letters, "
            "digits and single underscores, from a letter to a letter or digit, as in f1_predictor"
        )
    if slug in " ".join(reserved).split():
        return (
            f"the project slug {slug!r} is a name of Python, of a package or of a folder that the "
            "project uses: choose one of your own"
        )
    return None


def region_problem(region: str) -> str | None:
    """Why a name can't be an AWS region that the project works in, or None."""
    if re.fullmatch(r"(?!cn-)[a-z]{2}-[a-z]+-[1-9]", region):
        return None
    return (
        f"{region!r} is no AWS region outside of China and the government clouds: name one as in "
        "eu-west-1"
    )


def problems(answers: dict[str, str], reserved: list[str]) -> list[str]:
    """A sentence for each wrong answer."""
    if old := version_problem(answers):
        return [old]
    found = (
        # What is no folder name was replaced before a folder was made of it, as in a/b.
        slug_problem(answers["__asked_slug"], reserved),
        region_problem(answers["aws_region"]) if answers["cloud"] == "aws" else None,
    )
    return [problem for problem in found if problem]


if __name__ == "__main__":
    answers = json.loads(ANSWERS)
    sentences = problems(answers, answers["_reserved"])
    for sentence in sentences:
        print(f"error: {sentence}", file=sys.stderr)
    sys.exit(1 if sentences else 0)
