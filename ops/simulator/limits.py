"""Rate limits that are enforced: token buckets as Claude has them, their headers and their refusals."""

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.simulator.errors import Refused

#: By option: the header's name, and how a refusal calls it.
NAMES = {
    "rpm": ("requests", "requests"),
    "itpm": ("input-tokens", "input tokens"),
    "otpm": ("output-tokens", "output tokens"),
}
MESSAGE = (
    "This request would exceed the rate limit for your organization (00000000-0000-4000-8000-000000000000) of "
    "{limit:,} {what} per minute. For details, refer to: https://docs.anthropic.com/en/api/rate-limits. You can see "
    "the response headers for current usage. Please reduce the prompt length or the maximum tokens requested, or try "
    "again later."
)
ORGANIZATION = (b"anthropic-organization-id", b"00000000-0000-4000-8000-000000000000")


@dataclass(slots=True)
class Bucket:
    """Holds a minute's worth and refills evenly. Output, counted when it has come, may take it below zero."""

    limit: int
    level: float
    at: float

    def refill(self, now: float) -> None:
        self.level = min(self.limit, self.level + self.limit / 60 * (now - self.at))
        self.at = now

    def lacking(self, amount: float) -> float:
        """Seconds until there is so much."""
        return max(0.0, (min(amount, self.limit) - self.level) * 60 / self.limit)


class Limits:
    """What is enforced: some of requests, input and output tokens a minute; with none, nothing is."""

    def __init__(self, wanted: Mapping[str, int | None], clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}
        self.counted: Counter[str] = Counter()  # by all that were enforced, so far
        self.change(wanted)

    def __bool__(self) -> bool:
        return bool(self._buckets)

    def change(self, wanted: Mapping[str, Any]) -> None:
        """From now on; None enforces that limit no longer. ValueError names what is wrong."""
        for name, limit in wanted.items():
            if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
                raise ValueError(f"{name}: give a whole number from 1 a minute, or null for no limit; not {limit!r}")
        self._refill()
        for name, limit in wanted.items():
            if limit is None:
                self._buckets.pop(name, None)
            else:
                held = self._buckets.get(name)
                level = limit if held is None else min(limit, held.level)
                self._buckets[name] = Bucket(limit, level, self._clock())

    def listed(self) -> dict[str, int | None]:
        return {name: self._buckets[name].limit if name in self._buckets else None for name in NAMES}

    def take(self, input_tokens: int) -> None:
        """Counts a request and its fresh input; Refused, and nothing counted, when there is too little left."""
        self._refill()
        # Some output must be left; how much comes is not known yet.
        wanted = {"rpm": 1, "itpm": input_tokens, "otpm": 1}
        lacking = {name: bucket.lacking(wanted[name]) for name, bucket in self._buckets.items()}
        name = max(lacking, key=lambda each: lacking[each], default="")
        if name and lacking[name] > 0:
            message = MESSAGE.format(limit=self._buckets[name].limit, what=NAMES[name][1])
            raise Refused(429, message, retry_after=math.ceil(lacking[name]))
        for name, bucket in self._buckets.items():
            if name != "otpm":
                bucket.level -= wanted[name]
                self.counted[name] += wanted[name]

    def spend(self, output_tokens: int) -> None:
        """Counts what was said."""
        if "otpm" in self._buckets:
            self._refill()
            self._buckets["otpm"].level -= output_tokens
            self.counted["otpm"] += output_tokens

    def headers(self) -> list[tuple[bytes, bytes]]:
        self._refill()
        pairs = [ORGANIZATION]
        for name, bucket in self._buckets.items():
            head = f"anthropic-ratelimit-{NAMES[name][0]}"
            full = datetime.fromtimestamp(self._clock() + bucket.lacking(bucket.limit), UTC)
            values = {
                "limit": bucket.limit,
                "remaining": max(0, int(bucket.level)),
                "reset": f"{full:%Y-%m-%dT%H:%M:%SZ}",
            }
            pairs += [(f"{head}-{part}".encode(), str(value).encode()) for part, value in values.items()]
        return pairs

    def _refill(self) -> None:
        for bucket in self._buckets.values():
            bucket.refill(self._clock())
