"""The question before something is removed for good."""

import sys

from .errors import UserError


def ask(environment: str, given: str | None) -> None:
    """Ask for the environment's name on the terminal, unless it is given.

    Raises:
        UserError: the answer is another one, or there is no terminal.
    """
    if given is None:
        if not sys.stdin.isatty():
            raise UserError(
                f"there is no terminal to confirm on: repeat with CONFIRM={environment}"
            )
        try:
            given = input(f"Type the name of the environment ({environment}) to confirm: ").strip()
        except EOFError:
            given = ""
    if given != environment:
        raise UserError(f"{given!r} is not {environment!r}: nothing was deleted")
