"""A row of something that may fail: doctor goes on, whatever is broken."""

from collections.abc import Callable

from ..errors import CommandError
from .rows import WRONG, Row


def row(name: str, needed_for: str, look: Callable[[], Row]) -> Row:
    """What a look finds; if it fails, a sentence that says what to do, or the error's kind."""
    try:
        return look()
    except CommandError as error:
        return Row(name, WRONG, "", needed_for, str(error))
    except Exception as error:  # its text may hold what nobody should see
        return Row(name, WRONG, type(error).__name__, needed_for)
