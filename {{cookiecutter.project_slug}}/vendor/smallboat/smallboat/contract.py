"""What each part of a problem supplies. `docs/contract.md` explains it with an example.

A part is a module, so a function here is a function of the module, without `self`. n is the number
of rows of a feature table, k the number of rows that one request makes. mypy compares a project's
modules with these protocols, and `smallboat check` runs them on the project's data.

A feature table has one row per prediction, the oldest first, and these columns:

* `date`: datetime64, when the outcome was decided; no feature may know anything later. A problem
  without time has no such column, no `data_until` and no `as_of`.
* `period`: int, the unit by which rows are split: a season, a week. Later periods are larger.
  Without `date` it is a fold, from 0 on, the same in every snapshot: from a hash of the row.
* `group`: a race, a day: rows whose outcomes depend on each other. The bootstrap draws groups.
* `target`: a finite number, what happened; an index of `OUTPUT.classes` if there are classes.
* each of `features.FEATURES`: finite numbers that fit into float32; NaN where `Feature.missing`.
* each of `metrics.SLICES`, and each of `features.OTHER_COLUMNS`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .problem import Candidate, Feature, Output

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, np.dtype[Any]]
    Ask = Callable[[Array], Array]

Json = dict[str, Any]
Tables = Any
"""What `data.read` returns: the library only hands it on."""


class Data(Protocol):
    """`data.py`: where the raw tables come from."""

    @property
    def Config(self) -> Any:
        """A pydantic model of the table [data] of the configuration."""

    def collect(self, config: Mapping[str, Any], folder: Path, /) -> Json:
        """Write the raw tables into an empty folder; `config` has the values of `Config`.

        The same input gives the same bytes.

        Returns:
            `source` and `licence` (text), `data_until` (ISO date of the newest event, unless the
            problem has no time), `rows` (how many each table has).

        Raises:
            UserError: the source can't be read.
        """

    def read(self, folder: Path, /) -> Tables:
        """The raw tables in a folder that `collect` filled."""


class Expectations(Protocol):
    """`expectations.py`: what must hold of tables and features, or the run stops."""

    def views(self, tables: Tables, /) -> "Mapping[str, pd.DataFrame]":
        """The tables that `raw` checks, by name."""

    def raw(self, previous_rows: Mapping[str, int] | None, /) -> Iterable[Any]:
        """Checks of `views`, made with `smallboat.validation.checks`.

        `previous_rows` has the rows by table in the snapshot before; it is None for the first one.
        """

    def feature_views(self, frame: "pd.DataFrame", /) -> "Mapping[str, pd.DataFrame]":
        """The tables that `feature` checks, by name, made of the feature table."""

    def feature(self) -> Iterable[Any]:
        """Checks of `feature_views`."""


class Features(Protocol):
    """`features.py`: what a model learns from; `truth` and `pieces` are not needed."""

    @property
    def FEATURES(self) -> Sequence[Feature]:
        """The model's inputs, in their order."""

    @property
    def OTHER_COLUMNS(self) -> Sequence[str]:
        """Further columns that `build` makes, such as an id that a metric or a fit needs."""

    def build(self, tables: Tables, /) -> "pd.DataFrame":
        """The feature table, shape [n, columns]."""

    def online_features(self, tables: Tables, /) -> Json:
        """Plain JSON that completes requests; `as_of` is the ISO date of its newest event."""


class Candidates(Protocol):
    """`candidates.py`: the models that compete."""

    @property
    def OUTPUT(self) -> Output:
        """What all of them answer."""

    @property
    def CANDIDATES(self) -> Sequence[Candidate]:
        """The models, the slowest first."""

    def fit(
        self,
        candidate: Any,
        settings: Mapping[str, Any],
        frame: "pd.DataFrame",
        columns: Sequence[str],
        seed: int,
        /,
    ) -> Any:
        """Fit one setting of a candidate.

        Args:
            candidate: one of `CANDIDATES`.
            settings: one item of its grid.
            frame: a feature table.
            columns: the features, in the order of the model's inputs.
            seed: fixes all that is random.

        Returns:
            A fitted estimator with sklearn's interface that skl2onnx converts: `predict`, or
            `predict_proba` of a classifier (of 0, 1, ..., all), on float32 of shape [n, inputs].
        """

    def rounds(
        self, fitted: Any, frame: "pd.DataFrame", columns: Sequence[str], every: int, /
    ) -> "Iterator[tuple[int, Array]]":
        """The answers after every few rounds of boosting; nothing for other families."""


class Metrics(Protocol):
    """`metrics.py`: how good `predicted` is, shape [n], or [n, classes] for kind probabilities.

    Not needed by all: `decide` and `calibration_metrics`: see `docs/contract.md`.
    """

    @property
    def PRIMARY(self) -> str:
        """The metric that decides; lower is better."""

    @property
    def SLICES(self) -> Sequence[str]:
        """Columns whose values each get a mean error."""

    def score(self, frame: "pd.DataFrame", predicted: "Array", /) -> dict[str, float]:
        """Each metric by name, a finite number; ValueError if the answers are not finite."""

    def resampled(
        self, frame: "pd.DataFrame", predicted: "Array", counts: "Array", /
    ) -> "dict[str, Array]":
        """Each metric of `score`, shape [draws], for resampled groups.

        `counts` says how often each group is drawn, shape [draws, groups], in the table's order.
        """

    def loss(self, frame: "pd.DataFrame", predicted: "Array", /) -> "Array":
        """The error of each row, shape [n], in the unit of `gates.slice_margin`."""

    def as_target(self, frame: "pd.DataFrame", predicted: "Array", /) -> "Array":
        """Answers in the unit of the target, shape [n]; of several classes, the likeliest one."""

    def calibration(self, frame: "pd.DataFrame", predicted: "Array", /) -> Json:
        """Plain JSON that `predictions` needs to show ranges or probabilities; from unseen rows."""

    def baseline(self, frame: "pd.DataFrame", /) -> "Array":
        """What a trivial rule answers, in the shape of `predicted`; a model must beat it."""


class Service(Protocol):
    """`service`: requests and answers. The model server imports it: it may need only numpy.

    `online` is what `features.online_features` returned, after a round trip through JSON.

    Not needed: `keys`, `TOGETHER`, `columns` and `features.pieces`: see `docs/contract.md`.
    """

    @property
    def NAMES(self) -> Sequence[str]:
        """The names of the model's inputs, in their order."""

    @property
    def SCHEMA(self) -> Json:
        """JSON schema of a request, an object."""

    @property
    def KNOWN(self) -> Json:
        """JSON schema of the question that `known` answers; empty if it answers none."""

    def check(self, request: Json, online: Json, /) -> None:
        """RequestError, naming the field, for a request that SCHEMA can't refuse."""

    def features(self, request: Json, online: Json, /) -> "tuple[Array, list[str]]":
        """The model's inputs, float32 of shape [k, inputs], and warnings about what was guessed."""

    def predictions(
        self, request: Json, answers: "Array", features: "Array", evaluation: Json, /
    ) -> list[Json]:
        """The model's answers, shape [k] or [k, classes], for people.

        `features` is what `features` returned; `evaluation` has `calibration` and maybe `decision`.
        """

    def explain(
        self, answers: "Array", features: "Array", ask: "Ask", online: Json, /
    ) -> list[list[Json]]:
        """The reasons for each of `predictions`; `ask` is the model, [m, inputs] to [m, ...]."""

    def example(self, online: Json, /) -> Json:
        """A valid request."""

    def known(self, online: Json, asked: Mapping[str, Any], /) -> Json:
        """The request that `asked` names; RequestError names what is missing."""

    def from_csv(self, rows: Sequence[Mapping[str, str]], /) -> list[Json]:
        """Requests from the rows of a CSV file; SCHEMA refuses what they have wrong."""

    def page(self, online: Json, /) -> Json:
        """What the page offers to choose from."""

    def questions(self, online: Json, /) -> list[Json]:
        """Requests that every release must answer."""

    def invariants(
        self, ask: Callable[[list[Json]], list[Json]], online: Json, /
    ) -> list[tuple[str, bool, str]]:
        """What any good model must show: name, whether it holds, and what was found.

        `ask` gives for each request an answer with `predictions` and `warnings`.
        """


class Parts(NamedTuple):
    """The modules of a problem; mypy compares those in a project's problem.py with it."""

    data: Data
    expectations: Expectations
    features: Features
    candidates: Candidates
    metrics: Metrics
    service: Service
