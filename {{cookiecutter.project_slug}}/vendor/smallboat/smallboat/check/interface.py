"""Has each part the names that the contract lists, and do its functions take their arguments?"""

import inspect
from collections.abc import Iterator
from typing import Any

from ..contract import Parts
from ..problem import Problem


def problems(problem: Problem) -> Iterator[tuple[str, str]]:
    """Each part that lacks a name or has a wrong one, and what is wrong with it."""
    for part, protocol in Parts.__annotations__.items():
        try:
            module = getattr(problem, part)
        except Exception as error:
            yield part, f"can't be imported: {type(error).__name__}: {error}"
            continue
        for name, member in vars(protocol).items():
            if not name.startswith("_"):
                yield from ((part, what) for what in _wrong(module, name, member))


def _wrong(module: Any, name: str, member: Any) -> Iterator[str]:
    found = getattr(module, name, None)
    if found is None:
        yield f"{name} is missing"
    elif not isinstance(member, property):
        wanted = list(inspect.signature(member).parameters)[1:]
        if not callable(found):
            yield f"{name} is not a function"
        elif not _takes(found, wanted):
            has = ", ".join(inspect.signature(found).parameters)
            yield f"{name} takes ({has}), but is called with ({', '.join(wanted)})"


def _takes(function: Any, wanted: list[str]) -> bool:
    try:
        inspect.signature(function).bind(*wanted)
    except TypeError:
        return False
    return True
