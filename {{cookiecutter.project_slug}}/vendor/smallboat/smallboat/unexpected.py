"""An error that nobody foresaw: a sentence for people, and its traceback in a file for engineers.

Errors of pandas, NumPy, Great Expectations and other engines speak of their own code, not of the
data, so their text is not shown.
"""

import hashlib
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from . import disk
from .errors import CommandError, UserError

FOLDER = Path(".cache", "tracebacks")


@contextmanager
def user_errors(what: str, folder: Path) -> Iterator[None]:
    """Turn any error of the block into a UserError; those of the system stay as they are.

    Args:
        what: What can't be done, as in "the raw tables can't be read".
        folder: The problem's package; its line that failed is named.
    """
    try:
        yield
    except (CommandError, OSError):
        raise
    except Exception as error:
        if disk.message(error, Path()):
            raise
        raise UserError(
            f"{what}: {sentence(error, folder)}. A table is likely to hold what no table of this "
            "kind does; compare it with an older one, or mend the code."
        ) from error


def sentence(error: BaseException, folder: Path) -> str:
    """Which line of the package failed, and where the traceback is."""
    trace = traceback.extract_tb(error.__traceback__)
    lines = [line for line in trace if Path(line.filename).is_relative_to(folder)]
    named = f"{Path(lines[-1].filename).name}, line {lines[-1].lineno}, failed" if lines else ""
    return f"{named or 'it failed'}; the traceback is in {_write(error)}"


def _write(error: BaseException) -> str:
    """Write a traceback to a file; returns its name."""
    text = "".join(traceback.format_exception(error))
    file = FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:8]}.txt"
    with suppress(OSError):
        FOLDER.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return str(file)
    return "no file, for none could be written"
