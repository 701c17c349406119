"""A step's card and what it knows of its run, in a flow of a few steps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import smallboat

FLOW = """
from metaflow import FlowSpec, step

from smallboat.reports.cards import Fragment
from smallboat.training import card


class SmallFlow(FlowSpec):
    @step
    def start(self):
        \"\"\"Branch.\"\"\"
        self.next(self.left, self.right)

    @step
    def left(self):
        \"\"\"One side.\"\"\"
        self.next(self.join)

    @step
    def right(self):
        \"\"\"The other.

        Which says more.
        \"\"\"
        self.items = [1, 2, 3]
        self.next(self.many, foreach="items")

    @step
    def many(self):
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.structure = card.steps()
        card.save("ümlaut", Fragment("data", "Data", "<p>"))
        raise ValueError("broken on purpose")
        self.next(self.end)

    @step
    def end(self):
        \"\"\"Done.\"\"\"


if __name__ == "__main__":
    SmallFlow()
"""


@pytest.fixture(scope="module")
def join(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The task of the step `join`, which fails after it has made its card."""
    from metaflow import Runner, namespace

    folder = tmp_path_factory.mktemp("flow")
    (folder / ".metaflow").mkdir()
    (folder / "small.py").write_text(FLOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("METAFLOW_DATASTORE_SYSROOT_LOCAL", str(folder))
        patch.setenv("METAFLOW_USER", "test")
        patch.setenv("PYTHONPATH", str(Path(smallboat.__file__).parents[1]))
        patch.chdir(folder)  # cards are kept in the .metaflow of the working directory
        namespace(None)
        with Runner("small.py", show_output=False, pylint=False) as runner:
            yield runner.run().run["join"].task


def test_a_card_is_kept_though_its_step_fails(join: Any) -> None:
    from metaflow.cards import get_cards

    assert not join.successful
    (card,) = get_cards(join)
    assert "<h1>ümlaut</h1>" in card.get()


def test_the_steps_are_laid_out_with_their_tasks_and_times(join: Any) -> None:
    start, (left, right), itself, end = join["structure"].data
    assert [step["name"] for step in left] == ["left"]
    split, ((many,),), gather = right
    assert (split["name"], split["doc"]) == ("right", "The other.")
    assert (start["tasks"], many["tasks"], gather["tasks"]) == (1, 3, 1)
    assert many["seconds"] >= 0
    assert many["doc"] == ""
    assert itself["tasks"] is itself["seconds"] is end["tasks"] is end["seconds"] is None
