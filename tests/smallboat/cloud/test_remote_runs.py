"""Runs of an environment on AWS from machines: partly on Batch, and taken up elsewhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bootstrapped import NAME_PREFIX
from clouds import Cloud
from remotely import Remote

pytestmark = pytest.mark.nightly
BREAKING = "\n\ndef files(*_): raise RuntimeError('boom')\n"
REMOTE = "[steps.validate_data]\nremote = true\n"


@pytest.fixture(scope="module")
def laptop(
    locked: None, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Remote]:
    """A project, trained by hand, whose configuration has one step on Batch."""
    cloud.reset()
    made = Remote(tmp_path_factory.mktemp("laptop"), cloud)
    made.configure("staging", REMOTE)
    with made.changed("config/staging.toml", 'by = "stepfunctions"', 'by = "actions"'):
        made.bootstrap()
        yield made
    cloud.reset()


def failed(laptop: Remote) -> str:
    """The id of a run that fails where the bundle is made."""
    with laptop.changed("vendor/smallboat/smallboat/store/bundle.py", "def ", "def "):
        laptop.append("vendor/smallboat/smallboat/store/bundle.py", BREAKING)
        printed = laptop.do("train", code=1)
    assert "failed in make_bundle" in printed
    return printed.partition("(run-id ")[2].partition(")")[0]


def test_a_run_partly_on_batch_fails_and_is_taken_up_on_another_machine(
    laptop: Remote, tmp_path: Path
) -> None:
    run = failed(laptop)
    jobs = laptop.client("batch").list_jobs(jobQueue=NAME_PREFIX, jobStatus="SUCCEEDED")
    assert [job["jobName"].split("-")[3] for job in jobs["jobSummaryList"]] == ["validate_data"]
    assert laptop.evaluations() == {}
    other = laptop.elsewhere(tmp_path / "other")
    printed = other.do("resume", code=2)
    assert printed == "error: no runs yet: `make train` makes one\n"
    printed = other.do("resume", "--run", "sfn-none", code=2)
    assert printed.startswith("error: there is no run 'sfn-none': ") and printed.count("\n") == 1
    printed = other.do("resume", "--run", run)
    assert "passed: model " in printed
    (evaluation,) = other.evaluations().values()
    newest = laptop.objects("store/snapshots/newest")["store/snapshots/newest"].decode()
    assert newest == evaluation["snapshot"]
    again = laptop.elsewhere(tmp_path / "again").do("resume", "--run", evaluation["run"], code=2)
    assert "ended well: there is nothing to resume" in again
