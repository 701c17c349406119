from pathlib import Path

import pandas as pd
import pytest
from smallboat import unexpected
from smallboat.errors import UserError

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fail() -> None:
    pd.DataFrame({"a": [1]})["grid"]


def test_an_error_of_an_engine_is_a_sentence_and_its_traceback_a_file() -> None:
    with (
        pytest.raises(UserError) as caught,
        unexpected.user_errors("the tables can't be read", HERE),
    ):
        fail()
    told = str(caught.value)
    line = fail.__code__.co_firstlineno + 1
    start = (
        f"the tables can't be read: test_unexpected.py, line {line}, failed; the traceback is in "
    )
    assert told.startswith(start)
    assert "KeyError" not in told
    file = Path(told.removeprefix(start).split(". ")[0])
    assert "KeyError: 'grid'" in file.read_text()


def test_where_no_file_can_be_written_there_is_still_a_sentence(tmp_path: Path) -> None:
    (tmp_path / ".cache").write_text("")
    told = pytest.raises(UserError, match=r"the traceback is in no file")
    with told, unexpected.user_errors("x", HERE):
        fail()


@pytest.mark.parametrize(
    "error", [UserError("known"), OSError(28, "No space left on device"), ConnectionError("lost")]
)
def test_what_is_told_elsewhere_goes_through(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, unexpected.user_errors("x", HERE):
        raise error
    assert caught.value is error
    assert not unexpected.FOLDER.exists()


def test_a_full_disk_in_an_engine_s_words_goes_through() -> None:
    error = RuntimeError("could not write: No space left on device")
    with pytest.raises(RuntimeError), unexpected.user_errors("x", HERE):
        raise error
