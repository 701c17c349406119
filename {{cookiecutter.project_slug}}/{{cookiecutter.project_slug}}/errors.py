"""Errors that end a command with one sentence instead of a traceback."""

from difflib import get_close_matches


class UserError(Exception):
    """Wrong data or configuration; the message says what is wrong and what is right."""

    exit_code = 2


class NoCandidateError(UserError):
    """Every candidate failed or was disqualified; the message names each reason."""

    exit_code = 3


def nearest(name: str, known: list[str]) -> str:
    """The end of a sentence about a wrong name: the nearest right one, or all of them."""
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(sorted(known))}"
