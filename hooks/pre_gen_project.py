"""Refuse a wrong answer with one sentence that says what is right."""

import json
import keyword
import re
import sys

ANSWERS = r"""{{ cookiecutter | tojson }}"""
USE_CASES = ("f1", "intent")
FOLDERS = {
    "config", "data", "docs", "endpoint", "flows", "infra", "orchestration", "overlays", "serving",
    "store", "tests", "vendor", "warehouse",
}  # fmt: skip
MODULES = {"handler"}
PACKAGES = {
    "awslambdaric", "boto3", "cfnlint", "check_jsonschema", "comet_ml", "dbt", "duckdb", "fakesnow",
    "fastjsonschema", "flask", "flask_cors", "great_expectations", "gunicorn", "hypothesis",
    "jinja2", "markupsafe", "marshmallow", "matplotlib", "metaflow", "moto", "mypy", "numpy",
    "onnx", "onnxmltools", "onnxruntime", "openapi_spec_validator", "pandas", "policy_sentry",
    "prefect", "pydantic", "pytest", "requests", "ruff", "sagemaker", "schemathesis", "selenium",
    "serverless_wsgi", "skl2onnx", "sklearn", "smallboat", "snowflake", "uv", "xdist", "xgboost",
    "yaml",
}  # fmt: skip


def slug_problem(slug: str) -> str | None:
    """Why a slug can't name a folder, a Python package and AWS resources, or None."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,28}[a-z0-9]", slug) or keyword.iskeyword(slug):
        return (
            f"the project slug {slug!r} is no Python package name: use 2 to 30 lower-case letters, "
            "digits and underscores, from a letter to a letter or digit, as in f1_predictor"
        )
    if slug in FOLDERS | MODULES | PACKAGES | sys.stdlib_module_names:
        return f"the project slug {slug!r} names another folder or package: choose one of your own"
    return None


def use_case_problem(use_case: str) -> str | None:
    """Why a use case can't be generated, or None."""
    if use_case in USE_CASES:
        return None
    return f"the use case {use_case!r} does not exist: choose one of {', '.join(USE_CASES)}"


def region_problem(region: str) -> str | None:
    """Why a name can't be an AWS region, or None."""
    if re.fullmatch(r"[a-z]{2,3}(-[a-z]+){1,2}-\d", region):
        return None
    return f"{region!r} is no AWS region: name one as in eu-west-1"


def problems(answers: dict[str, str]) -> list[str]:
    """A sentence for each wrong answer."""
    found = (
        slug_problem(answers["project_slug"]),
        use_case_problem(answers["use_case"]),
        region_problem(answers["aws_region"]),
    )
    return [problem for problem in found if problem]


if __name__ == "__main__":
    sentences = problems(json.loads(ANSWERS))
    for sentence in sentences:
        print(f"error: {sentence}", file=sys.stderr)
    sys.exit(1 if sentences else 0)
