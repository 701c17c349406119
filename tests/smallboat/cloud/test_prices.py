"""`make prices`, against a stub of AWS's price list on loopback."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from answering import answering
from smallboat.cloud import costs, price_list
from smallboat.config import config
from smallboat.errors import CloudError, UserError
from toy.problem import PROBLEM

Json = dict[str, Any]
REGION = config.load(PROBLEM, "local").project.aws_region
OTHERS = [
    # usage types of other products that end alike, the free tier, later tiers, another currency
    ("AWSLambda", "Global-Request-ARM", "0.0", "0", "USD"),
    ("AWSLambda", "EU-Edge-Request-ARM", "9.0", "0", "USD"),
    ("AWSLambda", "EU-Request-ARM", "8.0", "1000", "USD"),
    ("AWSLambda", "EU-Request-ARM", "7.0", "0", "CNY"),
    ("AmazonSageMaker", "EU-Host:ml.m5.large-ml", "6.0", "0", "USD"),
    ("AmazonECS", "EU-Fargate-vCPU-Hours:perCPU-SpotDiscount", "5.0", "0", "USD"),
]


class PriceList:
    """The lists that the stub answers, by path; any other is a 403, as on AWS."""

    def __init__(self) -> None:
        self.offers: dict[str, Any] = {}

    def add(
        self, service: str, usage: str, price: str, begin: str = "0", unit: str = "USD"
    ) -> None:
        """A product of a service in the region, in the format of the bulk price list."""
        path = f"/{service}/current/{REGION}/index.json"
        offer = self.offers.setdefault(
            path,
            {"offerCode": service, "products": {}, "terms": {"OnDemand": {}}},
        )
        sku = f"SKU{len(offer['products'])}"
        offer["products"][sku] = {"sku": sku, "attributes": {"usagetype": usage}}
        rate = {"beginRange": begin, "endRange": "Inf", "pricePerUnit": {unit: price}}
        term = {"sku": sku, "priceDimensions": {f"{sku}.A.B": rate}}
        offer["terms"]["OnDemand"][sku] = {f"{sku}.A": term}

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body for a path."""
        offer = self.offers.get(path)
        body = offer if isinstance(offer, bytes) else json.dumps(offer).encode()
        return (200 if offer else 403), body


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceList]:
    """The stub, without prices."""
    prices = PriceList()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with answering(prices.answer) as url:
        monkeypatch.setattr(price_list, "URL", url)
        yield prices


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's prices."""
    copy = tmp_path / "prices.toml"
    copy.write_text(costs.PRICES.read_text())
    for module in (costs, price_list):
        monkeypatch.setattr(module, "PRICES", copy)
    return copy


def every(file: Path) -> dict[str, price_list.Listed]:
    prices = tomllib.loads(file.read_text())
    types = prices["instances"]
    return price_list.LISTED | {
        name: price_list.Listed("AmazonSageMaker", f"Host:{name}") for name in types
    }


def test_every_price_has_its_place_in_the_list(file: Path) -> None:
    assert set(price_list.LISTED) == set(tomllib.loads(file.read_text())["usd"])


def test_all_prices_are_replaced_and_comments_stay(
    listed: PriceList, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = file.read_text()
    for number, (service, usage) in enumerate(every(file).values(), 1):
        prefix = ("", "EU-", f"{REGION}-")[number % 3]
        listed.add(service, prefix + usage, f"0.{number:010}")
    for other in OTHERS:
        listed.add(*other)
    assert price_list.refresh(PROBLEM, "local") == 0
    after = tomllib.loads(file.read_text())
    expected = {name: float(f"0.{number:010}") for number, name in enumerate(every(file), 1)}
    assert after["usd"] | after["instances"] == expected
    assert (after["region"], after["older"]) == (REGION, [])
    assert len(after["as_of"]) == len("2026-11-30")
    assert "stays" not in capsys.readouterr().out
    skeleton = [[line.partition(" = ")[0], line.partition("#")[2]] for line in before.splitlines()]
    assert skeleton == [
        [line.partition(" = ")[0], line.partition("#")[2]] for line in file.read_text().splitlines()
    ]
    assert [each.name for each in file.parent.iterdir()] == ["prices.toml"]


def test_a_price_that_is_not_listed_stays_and_is_named(
    listed: PriceList, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed.add("AWSLambda", "Request-ARM", "0.5")
    listed.offers[f"/AmazonECS/current/{REGION}/index.json"] = b"<html>"
    assert price_list.refresh(PROBLEM, "local") == 0
    after = tomllib.loads(file.read_text())
    assert after["usd"]["lambda_request"] == 0.5
    assert after["usd"]["alarm_month"] == 0.1
    assert set(after["older"]) == set(every(file)) - {"lambda_request"}
    out = capsys.readouterr().out
    assert f"AmazonS3 has no price list for {REGION}: 403" in out
    assert f"AmazonECS has no price list for {REGION}: " in out
    assert f"alarm_month: not in the price list of {REGION}: the price in {file} stays" in out
    assert "alarm_month" in costs.table(config.load(PROBLEM, "staging")).splitlines()[-1]


def test_without_any_price_the_file_stays(listed: PriceList, file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(CloudError, match=r"has no price for .*: .* stays as it is"):
        price_list.refresh(PROBLEM, "local")
    assert file.read_bytes() == before


def test_without_a_network_one_sentence_says_so(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()
    monkeypatch.setattr(price_list, "URL", "http://127.0.0.1:1")
    with pytest.raises(CloudError) as caught:
        price_list.refresh(PROBLEM, "local")
    assert str(caught.value) == f"127.0.0.1 can't be reached: {file} stays as it is"
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        ("alarm_month = 0.1", 'alarm_month = "free"', "usd.alarm_month = 'free' is wrong: "),
        ("alarm_month = 0.1", "alarm_month = -1", "usd.alarm_month = -1 is wrong: input should be"),
        ("alarm_month = 0.1", "", "'alarm_month' is missing: take this file"),
        ("older = []", "", "'older' is missing: take this file"),
        ("older = []", "older = 3", "older = 3 is wrong: "),
        ("[usd]", "[usd", "can't be read: "),
    ],
)
def test_a_damaged_file_of_prices_is_a_sentence(
    file: Path, right: str, wrong: str, sentence: str
) -> None:
    assert right in file.read_text()
    file.write_text(file.read_text().replace(right, wrong, 1))
    with pytest.raises(UserError) as caught:
        costs.table(config.load(PROBLEM, "staging"))
    assert sentence in str(caught.value)
