"""Write docs/options.md from cookiecutter.json; with --check, fail if it is out of date."""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "options.md"
HEAD = """# Options

The questions that cookiecutter asks. `make docs` generates this page from `cookiecutter.json`.

| variable | question | default |
|---|---|---|
"""


def page(questions: dict[str, Any]) -> str:
    """The page as Markdown, a row for each question."""
    prompts = questions["__prompts__"]
    rows = [
        _row(name, prompts[name], default)
        for name, default in questions.items()
        if not name.startswith("_")
    ]
    return HEAD + "".join(rows)


def _row(name: str, prompt: str | dict[str, str], default: str | list[str]) -> str:
    if isinstance(prompt, str):
        shown = "derived from other answers" if "{{" in default else f"`{default}`"
        return f"| `{name}` | {prompt} | {shown} |\n"
    choices = "; ".join(label for key, label in prompt.items() if key != "__prompt__")
    return f"| `{name}` | {prompt['__prompt__']} ({choices}) | `{default[0]}` |\n"


if __name__ == "__main__":
    text = page(json.loads((ROOT / "cookiecutter.json").read_text()))
    if "--check" not in sys.argv:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.exit(f"{PAGE.relative_to(ROOT)} is out of date: run make docs")
