"""Requests that schemathesis makes up from the OpenAPI document, right ones and wrong ones."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from model_stub import serving
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, positive_data_acceptance
from smallboat.serving.api.app import create
from smallboat.serving.api.settings import Settings
from smallboat.serving.serving import PAGE

load_all_checks()
REQUESTS = 60  # for each operation and mode


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_one_that_the_document_lists(mode: GenerationMode) -> None:
    with serving() as model:
        variables = {"ENDPOINT_NAME": "endpoint", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": model.url}
        api = create(PAGE, Settings.from_environment(variables))
        document = schemathesis.openapi.from_wsgi("/openapi.json", api)
        asked = set()
        for operation in (found.ok() for found in document.get_all_operations()):
            if mode is GenerationMode.NEGATIVE and "predict" not in operation.path:
                continue  # there is nothing to do wrong

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=REQUESTS,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            def answered(case: Any) -> None:
                # A request may keep the schema and contradict itself: 422, as the document says.
                response = case.call_and_validate(
                    excluded_checks=[positive_data_acceptance],
                    headers={"Accept-Encoding": "identity"},  # this client does not decompress
                )
                asked.add((case.path, case.method, response.status_code))

            answered()
    assert ("/predict", "POST", 200 if mode is GenerationMode.POSITIVE else 422) in asked
