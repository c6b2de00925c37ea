"""The `anthropic-ratelimit-*` headers."""

import time
from collections.abc import Callable
from datetime import UTC, datetime


class RateLimits:
    """The headers of a generous tier. They count down each minute; nothing is refused."""

    LIMITS = (("requests", 20_000), ("tokens", 4_800_000), ("input-tokens", 4_000_000), ("output-tokens", 800_000))

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._minute = 0
        self._fixed: list[tuple[bytes, bytes]] = []
        self._used = dict.fromkeys(("requests", "tokens", "input-tokens", "output-tokens"), 0)

    def headers(
        self, input_tokens: int = 0, output_tokens: int = 0, *, exhausted: bool = False
    ) -> list[tuple[bytes, bytes]]:
        """Count one request and say what is left; `exhausted` says that nothing is."""
        self._begin_minute()
        spent = {
            "requests": 1,
            "tokens": input_tokens + output_tokens,
            "input-tokens": input_tokens,
            "output-tokens": output_tokens,
        }
        pairs = list(self._fixed)
        for name, limit in self.LIMITS:
            self._used[name] += spent[name]
            left = 0 if exhausted else max(limit - self._used[name], 0)
            pairs.append((b"anthropic-ratelimit-%s-remaining" % name.encode(), b"%d" % left))
        return pairs

    def _begin_minute(self) -> None:
        minute = int(self._clock() // 60)
        if minute == self._minute:
            return
        self._minute = minute
        self._used = dict.fromkeys(self._used, 0)
        reset = datetime.fromtimestamp(60 * (minute + 1), UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
        self._fixed = [(b"anthropic-organization-id", b"00000000-0000-4000-8000-000000000000")]
        for name, limit in self.LIMITS:
            head = b"anthropic-ratelimit-" + name.encode()
            self._fixed += [(head + b"-limit", b"%d" % limit), (head + b"-reset", reset)]
