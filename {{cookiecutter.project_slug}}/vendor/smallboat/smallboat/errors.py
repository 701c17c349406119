"""Errors that end a command with a sentence instead of a traceback."""

from difflib import get_close_matches


class CommandError(Exception):
    """Ends a command; only its message is printed."""

    exit_code = 1


class UserError(CommandError):
    """Wrong data or configuration; the message says what is wrong, then what to do."""

    exit_code = 2


class IntegrityError(UserError):
    """A file was changed after it was written; the message names it and says what to do."""


class FullDiskError(UserError):
    """The disk is full; the message names the file and the free space."""


class NoCandidateError(UserError):
    """Every candidate failed or was disqualified; the message names each reason."""

    exit_code = 3


class ReleaseError(UserError):
    """A gate or check of a release failed; the previous release still serves."""

    exit_code = 4


class CloudError(CommandError):
    """AWS refused or did not answer; the previous release still serves."""

    exit_code = 4


def ended(message: str, exit_code: int) -> UserError:
    """A UserError with another exit code."""
    error = UserError(message)
    error.exit_code = exit_code
    return error


def nearest(name: str, known: list[str]) -> str:
    """The end of a message about a wrong name: the nearest known one, or all of them."""
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(sorted(known))}"


class RequestError(Exception):
    """A request that can't be answered.

    Attributes:
        field: the place in the request, as in `grid[3].driver`.
        message: what is wrong with it.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field, self.message = field, message
