"""Keeps the rate limits of an HTTP API, for each second and each hour."""

import time
from collections import deque
from collections.abc import Iterable

HOUR = 3600


class Limiter:
    """Delays requests so that no second and no hour has more than allowed."""

    def __init__(self, per_second: int, per_hour: int, earlier: Iterable[float] = ()) -> None:
        """Set the limits; `earlier` has the times of past requests, in seconds since 1970."""
        self._limits = ((per_second, 1), (per_hour, HOUR))
        self._times = deque(sorted(earlier), maxlen=max(per_second, per_hour))

    def wait(self) -> None:
        """Return when the next request may be made."""
        now = time.time()
        free = [self._times[-n] + span for n, span in self._limits if len(self._times) >= n]
        pause = max([0.0, *(moment - now for moment in free)])
        if pause > 5:
            print(f"Hourly limit reached: waiting {duration(pause)}.", flush=True)
        time.sleep(pause)
        self._times.append(now + pause)

    def estimate(self, requests_left: int) -> str:
        """A sentence: how long a number of requests will take."""
        (per_second, _), (per_hour, _) = self._limits
        recent = sum(moment > time.time() - HOUR for moment in self._times)
        late = max(0, requests_left + recent - per_hour)
        seconds = max(requests_left / per_second, late / per_hour * HOUR)
        return f"about {requests_left} requests, {duration(seconds)} at {per_hour} an hour"


def duration(seconds: float) -> str:
    """A time span as text."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
