"""What a caller is told when there is no answer."""

from typing import Any


class ApiError(Exception):
    """Ends a request with a status, a code for programs and a sentence for people.

    Attributes:
        field: the place in the request that is wrong, such as `grid[3].driver`; None: all of it.
    """

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.field = status, code, message, field

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        return {"error": {"code": self.code, "message": self.message, "field": self.field}}


def unavailable(message: str) -> ApiError:
    """The model, not the request, is why there is no answer."""
    return ApiError(503, "unavailable", message)
