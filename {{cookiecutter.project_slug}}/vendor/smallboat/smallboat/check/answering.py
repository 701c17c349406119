"""Rules about requests and answers: the example, through the service and the model."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..contract import Json
from ..errors import RequestError
from ..problem import unfit
from ..store import bundle
from .growth import growing
from .sample import Rule, Sample, plain

HEAVY = ("pandas", "sklearn", "xgboost", "metaflow", "great_expectations", "pydantic")
"""What the model server does not have."""
IMPORTS = """
import importlib, json, sys
importlib.import_module(sys.argv[1]).PROBLEM.service
print(json.dumps([name for name in sys.argv[2:] if name in sys.modules]))
"""


def _imports(sample: Sample) -> Iterator[str]:
    problem = f"{sample.problem.package}.problem"
    command = [sys.executable, "-c", IMPORTS, problem, *HEAVY]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        yield f"can't be imported alone: {done.stderr.strip().splitlines()[-1]}"
    elif loaded := json.loads(done.stdout):
        yield f"importing it loads {', '.join(loaded)}, which the model server does not have"


def _names(sample: Sample) -> Iterator[str]:
    names = list(sample.problem.service.NAMES)
    if names != sample.columns:
        yield f"is {', '.join(names)}; FEATURES are {', '.join(sample.columns)}"


def _schema(sample: Sample) -> Iterable[str]:
    import fastjsonschema

    sample.matches = fastjsonschema.compile(sample.problem.service.SCHEMA, use_default=False)
    return ()


def _known(sample: Sample) -> Iterator[str]:
    import fastjsonschema

    service = sample.problem.service
    fastjsonschema.compile(service.KNOWN, use_default=False)
    try:
        request = service.known(sample.online, {})
    except RequestError:
        return
    yield from _unfit(sample, request, "the request for an empty question")


def _example(sample: Sample) -> Iterator[str]:
    request = sample.problem.service.example(sample.online)
    yield from sample.keep("request", request, _unfit(sample, request, "it"))


def _unfit(sample: Sample, request: Json, name: str) -> Iterator[str]:
    import fastjsonschema

    yield from plain(request, name)
    try:
        sample.matches(request)
        sample.problem.service.check(request, sample.online)
    except fastjsonschema.JsonSchemaValueException as error:
        yield f"{name} breaks SCHEMA: {error.message.replace('data', 'request', 1)}"
    except RequestError as error:
        yield f"{name} is refused by service.check: {error}"


def _features(sample: Sample) -> Iterator[str]:
    inputs, warnings = sample.problem.service.features(sample.request, sample.online)
    width = len(sample.columns)
    missing = np.array([feature.missing for feature in sample.problem.features.FEATURES])
    if not isinstance(inputs, np.ndarray) or inputs.ndim != 2 or inputs.shape[1] != width:
        shape = list(np.shape(inputs))
        yield f"returns inputs of shape {shape} for the example; [k, {width}] is needed"
    elif inputs.dtype != np.float32:
        yield f"returns inputs of type {inputs.dtype}; float32 is needed"
    elif (wrong := unfit(inputs, missing)).any():
        names = ", ".join(np.array(sample.columns)[wrong.any(axis=0)])
        yield f"returns inputs that are infinite, or NaN though they may not be missing: {names}"
    elif not all(isinstance(warning, str) for warning in warnings):
        yield "returns warnings that are not text"
    else:
        sample.inputs = inputs


def _growth(sample: Sample) -> Iterator[str]:
    service, request = sample.problem.service, sample.request

    def ask(online: Json) -> None:
        service.check(request, online)
        service.features(request, online)

    yield from growing(sample.online, set(sample.columns), ask)


def _predictions(sample: Sample) -> Iterator[str]:
    answers = bundle.predict(sample.onnx, sample.inputs)
    evaluation = json.loads(json.dumps(sample.evaluation))
    predictions = sample.problem.service.predictions(
        sample.request, answers, sample.inputs, evaluation
    )
    sample.answers = answers
    yield from sample.keep("predictions", predictions, _objects(predictions, "it"))


def _objects(values: Any, name: str) -> Iterator[str]:
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        yield f"{name} returns no list of dicts"
    else:
        yield from plain(values, f"what {name} returns")


def _keys(sample: Sample) -> Iterator[str]:
    make = getattr(sample.problem.service, "keys", None)
    if make is None:  # it is optional
        return
    keys, rows = make(sample.request), len(sample.inputs)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        yield "returns no list of text"
    elif keys and len(keys) != rows:
        yield f"returns {len(keys)} keys for {rows} rows"


def _explain(sample: Sample) -> Iterator[str]:
    predictions = sample.predictions
    reasons = sample.problem.service.explain(
        sample.answers,
        sample.inputs,
        lambda rows: bundle.predict(sample.onnx, rows),
        sample.online,
    )
    if len(reasons) != len(predictions):
        yield f"explains {len(reasons)} of {len(predictions)} predictions"
    yield from _objects([reason for each in reasons for reason in each], "it")


def _page(sample: Sample) -> Iterator[str]:
    yield from plain(sample.problem.service.page(sample.online), "what it returns")


def _from_csv(sample: Sample) -> Iterator[str]:
    requests = sample.problem.service.from_csv([])
    if not isinstance(requests, list):
        yield f"returns {type(requests).__name__}; a list of requests is needed"


def _questions(sample: Sample) -> Iterator[str]:
    _ = sample.request  # what is wrong with it was said
    questions = sample.problem.service.questions(sample.online)
    if not questions:
        yield "asks nothing; a release needs at least one question"
    for number, question in enumerate(questions):
        yield from _unfit(sample, question, f"question {number}")


def _invariants(sample: Sample) -> Iterator[str]:
    service, onnx, online = sample.problem.service, sample.onnx, sample.online
    _ = sample.predictions  # what is wrong with them was said

    def ask(requests: list[Json]) -> list[Json]:
        answers = []
        for request in requests:
            inputs, warnings = service.features(request, online)
            found = service.predictions(
                request, bundle.predict(onnx, inputs), inputs, sample.evaluation
            )
            answers.append({"predictions": found, "warnings": warnings})
        return answers

    for name, holds, found in service.invariants(ask, online):
        if not isinstance(name, str) or not isinstance(holds, bool) or not isinstance(found, str):
            yield f"holds ({name!r}, {holds!r}, {found!r}); text, a bool and text are needed"


RULES: tuple[tuple[str, Rule], ...] = (
    ("service", _imports),
    ("service.NAMES", _names),
    ("service.SCHEMA", _schema),
    ("service.example", _example),
    ("service.known", _known),
    ("service.features", _features),
    ("service.features", _growth),
    ("service.predictions", _predictions),
    ("service.keys", _keys),
    ("service.explain", _explain),
    ("service.page", _page),
    ("service.from_csv", _from_csv),
    ("service.questions", _questions),
    ("service.invariants", _invariants),
)
