"""The made-up sessions have the published statistics, and their truth is known."""

import ast
import json
import math
import re

import duckdb
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from smallboat.samples import made_up
from smallboat.samples.made_up import behaviour, files, log

SESSIONS, SEED = 60_000, 11

COLUMNS = {
    "browsing_train": "session_id_hash event_type product_action product_sku_hash "
    "server_timestamp_epoch_ms hashed_url",
    "search_train": "session_id_hash query_vector clicked_skus_hash product_skus_hash "
    "server_timestamp_epoch_ms",
    "sku_to_content": "product_sku_hash description_vector category_hash image_vector price_bucket",
}

EVENTS = """
CREATE TABLE events AS
WITH with_add AS (
    SELECT DISTINCT session_id_hash FROM browsing_train WHERE product_action = 'add'
), found AS (
    SELECT session_id_hash AS session, server_timestamp_epoch_ms AS time,
        list_position(['view', 'detail', 'add', 'remove', 'purchase'],
            coalesce(product_action, 'view')) AS action,
        product_sku_hash AS sku, 0 AS clicks
    FROM browsing_train
    WHERE session IN (FROM with_add)
    UNION ALL
    SELECT session_id_hash, server_timestamp_epoch_ms, 0, NULL,
        coalesce(len(string_split(clicked_skus_hash, ',')), 0)
    FROM search_train
    WHERE session_id_hash IN (FROM with_add)
), once AS (
    SELECT DISTINCT *, max(action) OVER (PARTITION BY session, time) AS most FROM found
)
SELECT *, row_number() OVER (PARTITION BY session ORDER BY time, action, sku NULLS FIRST) AS place,
    min(CASE WHEN action = 5 THEN time END) OVER (PARTITION BY session) AS bought
FROM once WHERE action <> 1 OR most = 1;

CREATE TABLE carts AS
SELECT session, min(place) FILTER (action = 3) AS first_add, max(place) AS last,
    any_value(bought) IS NOT NULL AS purchased, count(*) FILTER (action = 3) AS adds,
    count(*) FILTER (action = 0) AS searches, sum(clicks) AS clicks,
    arg_min(sku, place) FILTER (action = 3) AS added
FROM events WHERE bought IS NULL OR time < bought
GROUP BY session HAVING first_add IS NOT NULL;

CREATE TABLE times AS
SELECT session_id_hash AS session, server_timestamp_epoch_ms AS time, 0 AS search
FROM browsing_train
UNION ALL SELECT session_id_hash, server_timestamp_epoch_ms, 1 FROM search_train;

CREATE TABLE rows AS
SELECT session, min(search) = 0 AS browses, count(*) AS rows, max(search) AS searches,
    make_timestamp(min(time) * 1000) AS begun
FROM times GROUP BY session;

CREATE TABLE interactions AS
SELECT rows / sum(rows) OVER () AS share, row_number() OVER (ORDER BY rows DESC) / count(*) OVER ()
    AS rank
FROM (SELECT count(*) AS rows FROM browsing_train WHERE product_sku_hash IS NOT NULL
    GROUP BY product_sku_hash);
"""

PUBLISHED = [
    ("rows of browsing a session", "avg(n) FROM (SELECT count(*) AS n FROM browsing_train "
     "GROUP BY session_id_hash)", 7.31, 0.20),
    ("rows a session", "avg(rows) FROM rows", 7.36, 0.20),
    ("their standard deviation", "stddev(rows) FROM rows", 12.4, 0.8),
    ("plain page views", "avg((product_action IS NULL)::INT) FROM browsing_train", 0.711, 0.01),
    ("details among product events", "avg((product_action = 'detail')::INT) FROM browsing_train",
     0.931, 0.006),
    ("sessions with an add", f"count(*) / {SESSIONS} FROM carts", 0.0435, 0.003),
    ("of them, purchases", "avg(purchased::INT) FROM carts", 0.215, 0.025),
    ("purchases without an event after the add", "avg(purchased::INT) FROM carts "
     "WHERE last = first_add", 0.06, 0.03),
    ("sessions that search", f"sum(searches) / {SESSIONS} FROM rows WHERE browses", 0.096, 0.006),
    ("sessions of searches alone", f"count(*) / {SESSIONS} FROM rows WHERE NOT browses",
     0.0155, 0.001),
    ("searches a session that searches", "count(*) / count(DISTINCT session_id_hash) "
     "FROM search_train", 1.49, 0.06),
    ("interactions of the top 1 %", "sum(share) FROM interactions WHERE rank <= .01", 0.347, 0.03),
    ("interactions of the top 5 %", "sum(share) FROM interactions WHERE rank <= .05", 0.672, 0.03),
    ("interactions of the top 10 %", "sum(share) FROM interactions WHERE rank <= .1", 0.817, 0.03),
    ("interactions of the top 25 %", "sum(share) FROM interactions WHERE rank <= .25", 0.956, 0.02),
    ("products without content", "avg((price_bucket IS NULL)::INT) FROM sku_to_content",
     0.5, 0.001),
]  # fmt: skip

OF_CARTS = {  # others, buyers, tolerance: a tolerance is three standard errors or so
    "least(last - first_add, 10)": (4.72, 5.92, 0.45),
    "first_add": (5.18, 5.21, 0.45),
    "adds": (1.34, 1.32, 0.08),
    "searches": (0.47, 0.64, 0.12),
    "clicks": (0.22, 0.29, 0.09),
}

QUANTILES = {0.15: 1, 0.45: 2, 0.50: 3, 0.65: 5, 0.75: 8, 0.80: 10, 0.90: 18, 0.95: 27}


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    made_up.write(folder, SESSIONS, SEED, "parquet")
    with duckdb.connect() as db:
        for table in COLUMNS:
            db.execute(f"CREATE TABLE {table} AS FROM '{folder / table}.parquet'")
        db.execute(EVENTS)
        db.register("truth", made_up.truth(SESSIONS, SEED))
        yield db


def one(db, query):
    return db.execute(query).fetchall()[0][0]


@pytest.mark.parametrize(("name", "query", "published", "tolerance"), PUBLISHED)
def test_a_statistic_is_the_published_one(db, name, query, published, tolerance):
    if name == "details among product events":
        query += " WHERE product_action IS NOT NULL"
    assert float(one(db, f"SELECT {query}")) == pytest.approx(published, abs=tolerance)


@pytest.mark.parametrize("value", OF_CARTS)
@pytest.mark.parametrize("purchased", [False, True])
def test_a_mean_of_cart_sessions_is_the_published_one(db, value, purchased):
    found = one(db, f"SELECT avg({value}) FROM carts WHERE purchased = {purchased}")
    assert float(found) == pytest.approx(OF_CARTS[value][purchased], abs=OF_CARTS[value][2])


def test_quantiles_of_rows_a_session_are_the_published_ones(db):
    found = one(db, f"SELECT quantile_disc(rows, {list(QUANTILES)}) FROM rows")
    for value, published in zip(found, QUANTILES.values(), strict=True):
        assert abs(value - published) <= max(0, published // 10)
    assert 150 <= one(db, "SELECT max(rows) FROM rows") <= 397


def test_columns_are_coveos(db):
    for table, columns in COLUMNS.items():
        found = [row[0] for row in db.execute(f"DESCRIBE {table}").fetchall()]
        assert found == columns.split()


def test_ids_are_64_hex_characters_and_one_a_session(db):
    ids = ["session_id_hash", "hashed_url", "product_sku_hash"]
    for column in ids:
        hexadecimal = f"regexp_full_match({column}, " + "'[0-9a-f]{64}')"
        assert one(db, f"SELECT count(*) FROM browsing_train WHERE NOT {hexadecimal}") == 0
    assert one(db, "SELECT count(DISTINCT session_id_hash) FROM browsing_train") == SESSIONS


def test_a_plain_page_view_has_no_product_and_a_product_event_has_one(db):
    kinds = db.execute(
        "SELECT DISTINCT event_type, product_action IS NULL, product_sku_hash IS NULL "
        "FROM browsing_train ORDER BY event_type"
    ).fetchall()
    assert kinds == [("event_product", False, False), ("pageview", True, True)]


def test_vectors_and_lists_are_texts(db):
    searches = db.execute("FROM search_train LIMIT 400").fetchall()
    clicked = [(ast.literal_eval(row[2]), ast.literal_eval(row[3])) for row in searches if row[2]]
    assert len(clicked) > 20
    for some, shown in clicked:
        assert set(some) <= set(shown) and len(shown) <= 10
        assert all(re.fullmatch("[0-9a-f]+", sku) and len(sku) == 64 for sku in shown)
    assert any(row[3] is None for row in searches)
    content = db.execute("FROM sku_to_content WHERE price_bucket IS NOT NULL LIMIT 50").fetchall()
    for text in [row[1] for row in searches + content] + [row[3] for row in content]:
        vector = json.loads(text)
        assert len(vector) == 50 and all(isinstance(value, float) for value in vector)
    assert all(len(row[2].split("/")) == 3 for row in content)


def test_the_catalogue_has_each_product_once(db):
    assert one(db, "SELECT count(*) - count(DISTINCT product_sku_hash) FROM sku_to_content") == 0
    missing = "SELECT product_sku_hash FROM browsing_train EXCEPT SELECT product_sku_hash FROM "
    assert db.execute(missing + "sku_to_content").fetchall() == [(None,)]
    prices = "SELECT list(DISTINCT price_bucket ORDER BY price_bucket) FROM sku_to_content"
    assert one(db, prices) in ([*range(1, 11), None], [*range(1, 11)])


def test_the_log_has_twins_copies_and_rows_that_are_out_of_order(db):
    order = "lag(session_id_hash) OVER (ORDER BY rowid) AS previous, "
    order += "lag(server_timestamp_epoch_ms) OVER (ORDER BY rowid) AS earlier"
    db.execute(f"CREATE OR REPLACE TEMP TABLE numbered AS SELECT *, {order} FROM browsing_train")
    at_home = "FROM numbered WHERE session_id_hash = previous"
    assert one(db, f"SELECT avg((server_timestamp_epoch_ms < earlier)::INT) {at_home}") > 0.02
    strangers = "SELECT count(*) FROM numbered WHERE session_id_hash IS DISTINCT FROM previous"
    assert one(db, strangers) == SESSIONS
    twins = (
        "SELECT count(*) FROM browsing_train AS a JOIN browsing_train AS b USING "
        "(session_id_hash, server_timestamp_epoch_ms, hashed_url) "
        "WHERE a.product_action = 'detail' AND b.product_action IS NULL"
    )
    details = one(db, "SELECT count(*) FROM browsing_train WHERE product_action = 'detail'")
    assert 0.2 < one(db, twins) / details < 0.7
    copies = "SELECT count(*), count(DISTINCT (session_id_hash, server_timestamp_epoch_ms, "
    copies += "product_sku_hash)) FROM browsing_train WHERE product_action = 'remove'"
    rows, removals = db.execute(copies).fetchall()[0]
    assert 1.8 < rows / removals < 3


def test_sessions_have_the_rhythm_of_a_shop_and_no_long_pause(db):
    days = "SELECT count(DISTINCT begun::DATE), min(begun)::DATE::TEXT, max(begun)::DATE::TEXT "
    assert db.execute(days + "FROM rows").fetchall() == [(91, "2019-01-15", "2019-04-15")]
    assert one(db, "SELECT make_timestamp(max(time) * 1000)::DATE::TEXT FROM times") == "2019-04-15"
    night, evening = (share_of(db, f"extract(hour FROM begun) = {hour}") for hour in (5, 21))
    assert evening > 4 * night > 0
    monday, saturday = (share_of(db, f"dayofweek(begun) = {day}") for day in (1, 6))
    assert monday > 1.1 * saturday
    pauses = "SELECT time - lag(time) OVER (PARTITION BY session ORDER BY time) AS pause FROM times"
    assert 1_000_000 < one(db, f"SELECT max(pause) FROM ({pauses})") < 30 * 60 * 1000


def share_of(db, condition):
    return one(db, f"SELECT avg(({condition})::INT) FROM rows")


def test_the_truth_has_the_rows_of_the_task(db):
    task = (
        "SELECT session, n, purchased FROM carts, (SELECT unnest([0, 2, 4, 6, 8, 10]) AS n) "
        "WHERE n <= last - first_add"
    )
    known = "SELECT session, n, purchased FROM truth"
    assert one(db, f"SELECT count(*) FROM ({known})") > 5_000
    for one_way in (f"{task} EXCEPT ALL {known}", f"{known} EXCEPT ALL {task}"):
        assert db.execute(one_way).fetchall() == []


def test_the_truth_is_bayes_rule_on_what_the_log_says(db):
    events = db.execute(
        "SELECT session, list(events.action ORDER BY place), list(time ORDER BY place), "
        "list(coalesce(sku = added, false) ORDER BY place), any_value(first_add), "
        "any_value(price_bucket) "
        "FROM events JOIN carts USING (session) "
        "LEFT JOIN sku_to_content ON product_sku_hash = added "
        "WHERE place <= last GROUP BY session"
    ).fetchall()
    known = dict(
        db.execute(
            "SELECT session, map(list(n), list(posterior)) FROM truth GROUP BY session"
        ).fetchall()
    )
    beside = []
    for session, actions, times, again, first_add, price in events:
        for n, posterior in known[session].items():
            seen = slice(0, first_add + n)
            said = evidence(actions[seen], times[seen], again[seen], first_add - 1, n)
            said -= 0 if price is None else behaviour.PRICE_TILT * (price - 5.5)
            beside.append(math.log(posterior / (1 - posterior)) - said)
    assert len(beside) > 5_000
    assert np.ptp(beside) < 1e-9
    prior = behaviour.BUYERS / (1 - behaviour.BUYERS)
    assert np.mean(beside) == pytest.approx(math.log(prior), abs=0.02)


def evidence(actions, times, again, add, n):
    """The log of the buyers' likelihood to the others', step by step; `add` counts from 0."""
    said = 0.0
    if n:
        said += math.log((1 - behaviour.AT_ONCE[1]) / (1 - behaviour.AT_ONCE[0]))
        said += (n - 1) * math.log((1 - behaviour.ENDS[1]) / (1 - behaviour.ENDS[0]))
    for place, action in enumerate(actions):
        if place < add - 1:
            last = actions[place - 1] if place else 5
            chances = behaviour.BEFORE[:, last, action]
            said += math.log(chances[1] / chances[0])
        if place > add:
            chances = behaviour.AFTER[:, actions[place - 1], action]
            said += math.log(chances[1] / chances[0])
            scale = behaviour.PAUSE_AFTER / behaviour.PAUSE_SHAPE
            seconds = (times[place] - times[place - 1] - behaviour.SHORTEST_PAUSE) / 1000
            said += behaviour.PAUSE_SHAPE * math.log(scale[0] / scale[1])
            said -= seconds * (1 / scale[1] - 1 / scale[0])
            if action == behaviour.DETAIL:
                chances = behaviour.AGAIN if again[place] else 1 - behaviour.AGAIN
                said += math.log(chances[1] / chances[0])
    return said


def test_the_truth_is_calibrated_and_far_from_certain():
    truth = made_up.truth(400_000, 3)
    share = truth.groupby((truth["posterior"] * 10).astype(int)).agg(
        expected=("posterior", "mean"), found=("purchased", "mean"), rows=("n", "size")
    )
    error = (share["found"] * (1 - share["found"]) / share["rows"]) ** 0.5
    # The rows of a session are not independent, which doubles the error.
    assert ((share["found"] - share["expected"]).abs() < 8 * error + 0.005).all()
    assert 0.22 < truth["purchased"].mean() < 0.27
    assert 0.50 < average_precision_score(truth["purchased"], truth["posterior"]) < 0.62


def test_an_emptied_cart_lowers_the_chance_of_a_purchase(db):
    carts = (
        "SELECT session, n, purchased, posterior, sum((action = 3)::INT - (action = 4)::INT) <= 0 "
        "AS empty FROM truth JOIN carts USING (session, purchased) JOIN events USING (session) "
        "WHERE place <= first_add + n AND n > 0 GROUP BY ALL"
    )
    query = f"SELECT avg(posterior), avg(purchased::INT), count(*) FROM ({carts}) GROUP BY empty "
    full, empty = db.execute(query + "ORDER BY empty").fetchall()
    assert empty[0] < 0.5 * full[0]
    assert empty[1] < 0.5 * full[1]
    assert empty[2] > 300


def test_counts_transitions_and_times_reach_nine_tenths_of_the_best_possible(db):
    pairs = ", ".join(
        f"count(*) FILTER (prior = {a} AND action = {b} AND place > first_add) AS t{a}{b}"
        for a in range(5)
        for b in range(5)
    )
    rows = db.execute(
        "SELECT session, n, purchased, posterior, min(events.time) AS begun, n = 0 AS at_once, "
        "count(*) FILTER (action = 0) AS searches, first_add, "
        "max(time) - min(time) FILTER (place >= first_add) AS since, "
        f"count(*) FILTER (sku = added AND action = 2 AND place > first_add) AS again, {pairs} "
        "FROM truth JOIN carts USING (session, purchased) JOIN "
        "(SELECT *, lag(action) OVER (PARTITION BY session ORDER BY place) AS prior FROM events) "
        "AS events USING (session) WHERE place <= first_add + n GROUP BY ALL ORDER BY ALL"
    ).df()
    late = rows["begun"] > rows["begun"].quantile(0.8)
    known = rows.drop(columns=["session", "purchased", "posterior", "begun"]).astype(float)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    model.fit(known[~late], rows["purchased"][~late])
    answer = model.predict_proba(known[late])[:, 1]
    reached, best = (
        average_precision_score(rows["purchased"][late], score)
        for score in (answer, rows["posterior"][late])
    )
    assert best < 0.7
    assert reached > 0.9 * best


@pytest.mark.parametrize("written", ["csv", "parquet"])
def test_the_same_arguments_give_the_same_bytes(tmp_path, written, monkeypatch):
    monkeypatch.setattr(log, "CHUNK", 800)
    contents = []
    for name, seed in (("one", 5), ("two", 5), ("other", 6)):
        folder = tmp_path / name
        folder.mkdir()
        made_up.write(folder, 2_000, seed, written)
        assert sorted(file.name for file in folder.iterdir()) == [f"{t}.{written}" for t in COLUMNS]
        contents.append([(folder / f"{table}.{written}").read_bytes() for table in COLUMNS])
    assert contents[0] == contents[1]
    assert all(a != b for a, b in zip(contents[0], contents[2], strict=True))


def test_csv_and_parquet_hold_the_same(tmp_path):
    for written in ("csv", "parquet"):
        made_up.write(tmp_path, 3_000, 5, written)
    for table, columns in COLUMNS.items():
        with (tmp_path / f"{table}.csv").open() as file:
            assert file.readline().rstrip() == columns.replace(" ", ",")
        rows = [
            duckdb.sql(f"SELECT * FROM {source}").fetchall()
            for source in (
                f"read_csv('{tmp_path / table}.csv', parallel = false)",
                f"'{tmp_path / table}.parquet'",
            )
        ]
        assert len(rows[0]) > 100
        assert rows[0] == rows[1]


@pytest.mark.parametrize("sessions", [1, 2, 30])
def test_a_few_sessions_are_possible(tmp_path, sessions):
    made_up.write(tmp_path, sessions, 1, "parquet")
    counted = f"SELECT count(DISTINCT session_id_hash) FROM '{tmp_path}/browsing_train.parquet'"
    assert duckdb.sql(counted).fetchall() == [(sessions,)]
    assert len(made_up.truth(sessions, 1)) >= 0


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "CATALOG", "SELECT of_what")
    with pytest.raises(duckdb.Error):
        made_up.write(tmp_path, 500, 1, "csv")
    assert list(tmp_path.iterdir()) == []


def test_a_long_write_says_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "CHUNK", 200)
    monkeypatch.setattr(made_up, "SECONDS_BETWEEN_WORDS", -1)
    monkeypatch.setattr(files, "LONG", 1_000)
    said = []
    made_up.write(tmp_path, 500, 1, "csv", say=said.append)
    assert said[:3] == [f"Made {done} of 500 sessions." for done in (200, 400, 500)]
    assert re.fullmatch(r"Writing \d,\d{3} rows of browsing\.", said[3])
