"""A request on its way into the model, and the model's answers in words.

`docs/contract.md` of the library says what each of these names is. They need numpy alone, as
inputs.py does, because the model server imports both.
"""

from ..inputs import NAMES
from .answer import predictions
from .metamorphic import invariants, questions
from .reasons import explain
from .request import TOGETHER, check, example, features, from_csv, keys, known, page
from .schema import KNOWN, SCHEMA

__all__ = [
    "KNOWN", "NAMES", "SCHEMA", "TOGETHER", "check", "example", "explain", "features", "from_csv",
    "invariants", "keys", "known", "page", "predictions", "questions",
]  # fmt: skip
