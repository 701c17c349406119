"""A request on its way into the model, and the model's answers in words.

The model server and the release protocol know a use case by these names alone; another use case
has the same. `online` is what `features.online_features` returned.

* SCHEMA, KNOWN: JSON schemas of a request, and of the question that `known` answers.
* check(request, online): refuses what SCHEMA can't.
* known(online, asked), example(online), from_csv(rows): requests.
* page(online): what the page offers to choose from.
* NAMES, features(request, online): the model's inputs, and what had to be guessed.
* predictions(request, answers, features, evaluation): what people read of the model's answers.
* explain(answers, features, ask): what moved them.
* questions(online), invariants(ask, online): what a release is asked, and what must hold of it.

Needs numpy alone, as inputs.py does, because the model server carries both.
"""

from ..inputs import NAMES
from .answer import predictions
from .metamorphic import invariants, questions
from .reasons import explain
from .request import check, example, features, from_csv, known, page
from .schema import KNOWN, SCHEMA

__all__ = [
    "KNOWN", "NAMES", "SCHEMA", "check", "example", "explain", "features", "from_csv", "invariants",
    "known", "page", "predictions", "questions",
]  # fmt: skip
