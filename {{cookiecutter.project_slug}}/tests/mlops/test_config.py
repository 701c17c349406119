"""A configuration is checked whole before anything runs."""

from pathlib import Path

import pytest

from {{ cookiecutter.project_slug }}.errors import UserError
from {{ cookiecutter.project_slug }}.mlops import config

SHIPPED = Path("config/local.toml").read_text()


def test_every_shipped_environment_loads() -> None:
    for path in Path("config").glob("*.toml"):
        assert config.load(path.stem).project.name


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        ("seed =", "sede =", "unknown key training.sede: did you mean 'seed'?"),
        ("[store]", "[stroe]", "unknown key stroe: did you mean 'store'?"),
        ("retries =", "retry =", "unknown key steps.train_candidate.retry: did you mean 'retrie"),
        ("source =", "sauce =", "unknown key data.sauce: did you mean 'source'?"),
        ('source = "sample"', 'source = "web"', "data.source = 'web' is wrong"),
        ("workers = 2", "workers = 0", "training.workers = 0 is wrong"),
        ("workers = 2", 'workers = "2"', "training.workers = '2' is wrong"),
        ("[training]", "[training", "not valid TOML"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_what_is_right(
    right: str, wrong: str, sentence: str
) -> None:
    assert right in SHIPPED
    with pytest.raises(UserError) as caught:
        config.parse(SHIPPED.replace(right, wrong))
    assert sentence in str(caught.value)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(UserError, match=r"the key training\.seed is missing"):
        config.parse("\n".join(line for line in SHIPPED.splitlines() if "seed" not in line))


def test_an_unknown_environment_lists_those_there_are() -> None:
    with pytest.raises(UserError, match=r"no environment 'locl'.*local"):
        config.load("locl")
