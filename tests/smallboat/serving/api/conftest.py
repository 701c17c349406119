"""The API in front of a stub of the model server."""

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from model_stub import Model, serving
from smallboat.serving.api.app import create
from smallboat.serving.api.settings import Settings
from smallboat.serving.serving import PAGE

LAMBDA_SETS = {
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Lambda tells every function."""
    for name, value in LAMBDA_SETS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def model() -> Iterator[Model]:
    """A model server on loopback."""
    with serving() as stub:
        yield stub


@pytest.fixture
def make(model: Model) -> Callable[..., FlaskClient]:
    """Makes a client of the API in front of that model, by environment variables."""

    def client(**variables: str) -> FlaskClient:
        known = {"ENDPOINT_NAME": "endpoint", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": model.url}
        return create(PAGE, Settings.from_environment(known | variables)).test_client()

    return client


@pytest.fixture
def api(make: Callable[..., FlaskClient]) -> FlaskClient:
    """A client of the API as configured by default."""
    return make()
