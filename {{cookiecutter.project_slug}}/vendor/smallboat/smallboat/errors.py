"""Errors that end a command with one sentence instead of a traceback."""

from difflib import get_close_matches


class CommandError(Exception):
    """Ends a command; its message is all that is told."""

    exit_code = 1


class UserError(CommandError):
    """Wrong data or configuration; the message says what is wrong and what is right."""

    exit_code = 2


class IntegrityError(UserError):
    """A file is not the one that was written; the message names it and says what to do."""


class FullDiskError(UserError):
    """No more can be written; the message names the file, and how much room there is."""


class NoCandidateError(UserError):
    """Every candidate failed or was disqualified; the message names each reason."""

    exit_code = 3


class ReleaseError(UserError):
    """A gate or check of a release broke; what was served before is served still."""

    exit_code = 4


class CloudError(CommandError):
    """AWS refused or did not answer: nobody's data is wrong; what was served is served still."""

    exit_code = 4


def ended(message: str, exit_code: int) -> UserError:
    """An error with an exit code of its own."""
    error = UserError(message)
    error.exit_code = exit_code
    return error


def nearest(name: str, known: list[str]) -> str:
    """The end of a sentence about a wrong name: the nearest right one, or all of them."""
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
