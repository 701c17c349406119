"""GitHub's expressions, as far as the workflows use them; what is unknown is an error."""

import re
from collections.abc import Callable, Mapping
from typing import Any

TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>\d+)|(?P<name>[A-Za-z_][\w-]*)"
    r"|(?P<sign>==|!=|&&|\|\||[!().\[\],]))"
)
HOLE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
STATUS = re.compile(r"\b(success|failure|always|cancelled)\(")
CONSTANTS = {"true": True, "false": False, "null": None}
Functions = Mapping[str, Callable[..., Any]]


def condition(text: Any, contexts: Mapping[str, Any], functions: Functions) -> bool:
    """Whether a job or step runs by its `if:`; without a status function it asks for success()."""
    inner = str(text if text is not None else "success()").strip()
    whole = HOLE.fullmatch(inner)
    inner = whole[1] if whole else inner
    if not STATUS.search(inner):
        inner = f"success() && ({inner})"
    return bool(evaluate(inner, contexts, functions))


def fill(value: Any, contexts: Mapping[str, Any], functions: Functions) -> str:
    """A text with its expressions replaced."""
    text = shown(value)
    return HOLE.sub(lambda hole: shown(evaluate(hole[1], contexts, functions)), text)


def shown(value: Any) -> str:
    """A value as a text: nothing for null."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def evaluate(text: str, contexts: Mapping[str, Any], functions: Functions) -> Any:
    """The value of an expression."""
    return _Parser(text, contexts, functions).whole()


class _Parser:
    def __init__(self, text: str, contexts: Mapping[str, Any], functions: Functions) -> None:
        self._contexts, self._functions = contexts, functions
        self._tokens: list[tuple[str, str]] = []
        place, text = 0, text.strip()
        while place < len(text):
            found = TOKEN.match(text, place)
            if not found:
                raise ValueError(f"unknown expression: {text[place:]!r} in {text!r}")
            self._tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            place = found.end()

    def whole(self) -> Any:
        value = self._or()
        assert not self._tokens, self._tokens
        return value

    def _or(self) -> Any:
        value = self._and()
        while self._take("||"):
            other = self._and()
            value = value or other
        return value

    def _and(self) -> Any:
        value = self._equal()
        while self._take("&&"):
            other = self._equal()
            value = value and other
        return value

    def _equal(self) -> Any:
        value = self._not()
        while sign := self._take("==") or self._take("!="):
            value = _same(value, self._not()) == (sign == "==")
        return value

    def _not(self) -> Any:
        return not self._not() if self._take("!") else self._reach(self._one())

    def _one(self) -> Any:
        if self._take("("):
            value = self._or()
            assert self._take(")")
            return value
        kind, text = self._tokens.pop(0)
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return int(text)
        assert kind == "name", text
        if self._take("("):
            return self._called(text)
        return CONSTANTS[text] if text in CONSTANTS else self._contexts[text]

    def _called(self, name: str) -> Any:
        values = []
        while not self._take(")"):
            values.append(self._or())
            self._take(",")
        return self._functions[name](*values)

    def _reach(self, value: Any) -> Any:
        """What `.name` and `[value]` behind a value name; null if it has no such part."""
        while True:
            if self._take("."):
                key = self._tokens.pop(0)[1]
            elif self._take("["):
                key = self._or()
                assert self._take("]")
            else:
                return value
            value = value.get(key) if isinstance(value, Mapping) else None

    def _take(self, sign: str) -> str:
        if self._tokens and self._tokens[0] == ("sign", sign):
            return self._tokens.pop(0)[1]
        return ""


def _same(one: Any, other: Any) -> bool:
    """GitHub's ==: the case of texts does not count; of different kinds, numbers are compared."""
    if isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    if type(one) is type(other):
        return bool(one == other)
    return _number(one) == _number(other)


def _number(value: Any) -> float:
    try:
        return float(value or 0)
    except (TypeError, ValueError):
        return float("nan")
