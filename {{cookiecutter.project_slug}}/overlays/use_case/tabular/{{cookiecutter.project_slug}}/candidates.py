"""The models that compete. To add one, add a line to CANDIDATES.

`*` in the name of a class stands for Classifier or Regressor. `inputs` says what a model sees:
"raw" is for trees that take missing numbers, "filled" for other trees, "scaled" for all others.
Trees must not see scaled numbers: their graph would answer differently, and the parity gate refuses
them. Rows are neither weighted nor left out to even out the classes: chances learned from evened
rows are too high.
"""

from functools import partial

from smallboat.problem import settings
from smallboat.table import learning
from smallboat.table.learning import Candidate, family

from .table import TABLE

OUTPUT = TABLE.output

LINEAR = (
    Candidate(
        "ridge", 1, settings(alpha=[1, 30, 1000]), family("sklearn.linear_model.Ridge"),
        inputs="scaled", most_rows=100_000,
    )
    if TABLE.kind == "regression"
    else Candidate(
        "logistic_regression", 1, settings(C=[1, 0.1, 0.01]),
        family("sklearn.linear_model.LogisticRegression", max_iter=300),
        inputs="scaled", most_rows=100_000,
    )
)  # fmt: skip

# The slowest first: none should still run when all others are done.
CANDIDATES: tuple[Candidate, ...] = (
    Candidate(
        "random_forest", 2,
        settings(n_estimators=[50], max_features=[0.3], min_samples_leaf=[5, 20]),
        family("sklearn.ensemble.RandomForest*", n_jobs=1), inputs="filled", most_rows=60_000,
    ),
    Candidate(
        "xgboost", 4,
        settings(
            n_estimators=[200], learning_rate=[0.03, 0.1], max_depth=[3, 6], subsample=[0.8],
            colsample_bytree=[0.6],
        ),
        family("xgboost.XGB*", n_jobs=1, tree_method="hist"),
    ),
    Candidate(
        "hist_gradient_boosting", 3,
        settings(
            max_iter=[150], learning_rate=[0.1], max_leaf_nodes=[4, 10, 31], max_features=[0.5]
        ),
        family("sklearn.ensemble.HistGradientBoosting*", early_stopping=False),
    ),
    # With lightgbm among the dependencies in pyproject.toml:
    # Candidate("lightgbm", 5, settings(num_leaves=[7, 31]), family("lightgbm.LGBM*", n_jobs=1)),
    LINEAR,
)  # fmt: skip

fit = partial(learning.fit, TABLE)
rounds = partial(learning.rounds, TABLE)
