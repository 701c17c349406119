"""What a REST API throttles: requests of each method, and of each key of a usage plan."""

import threading
import time
from typing import Any


class Limits:
    """Counts requests; a bucket refills at its rate up to its burst, a quota each day in UTC."""

    def __init__(self) -> None:
        """Begin with full buckets."""
        self._buckets: dict[Any, tuple[float, float]] = {}
        self._used: dict[Any, int] = {}
        self._lock = threading.Lock()

    def of_key(self, plan: Any, key: str) -> str | None:
        """Why a usage plan refuses one more request of a key, or None."""
        limit, today = plan.quota.get("limit"), int(time.time() // 86_400)
        with self._lock:
            used = self._used.get((plan.id, key, today), 0)
            if limit is not None and used >= int(limit):
                return "QUOTA_EXCEEDED"
            if not self._takes((plan.id, key), plan.throttle):
                return "THROTTLED"
            self._used[plan.id, key, today] = used + 1
        return None

    def of_method(self, api: str, stage: Any, resource: str, verb: str) -> str | None:
        """Why the stage refuses one more request of a method, or None."""
        for name in (f"{resource.replace('/', '~1')}/{verb}", "*/*"):
            if settings := stage.method_settings.get(name):
                limits = {
                    "rateLimit": settings["throttlingRateLimit"],
                    "burstLimit": settings["throttlingBurstLimit"],
                }
                with self._lock:
                    free = self._takes((api, stage.name, resource, verb), limits)
                return None if free else "THROTTLED"
        return None

    def _takes(self, name: Any, limits: dict[str, Any]) -> bool:
        """Take one of a bucket; False if it is empty."""
        if not limits:
            return True
        rate = float(limits.get("rateLimit", 10_000))
        burst = float(limits.get("burstLimit", 5_000))
        now = time.monotonic()
        held, since = self._buckets.get(name, (burst, now))
        held = min(burst, held + rate * (now - since))
        self._buckets[name] = (held - (held >= 1), now)
        return held >= 1
