"""The prompt cache: how many of a request's tokens are fresh, how many were there already, how many are written."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ops.simulator.conversation import blocks, input_tokens, marked, preamble_size, size, tokens

LOOKBACK = 20
MINUTES_5, HOUR = 300.0, 3600.0
MOST_PREFIXES = 100_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Input tokens by where they came from."""

    fresh: int
    cached: int = 0
    written: int = 0
    written_for_an_hour: bool = False

    @property
    def charged(self) -> int:
        """What counts towards the limit of input tokens: all but what the cache gave."""
        return self.fresh + self.written

    @property
    def prompt(self) -> int:
        return self.fresh + self.cached + self.written


class PromptCache:
    """Which prompt prefixes were sent before, message by message, and until when each is kept.

    Claude looks back twenty blocks from a marker and caches nothing small; here it is twenty messages of any size.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept_until: dict[int, float] = {}

    def account(self, request: dict[str, Any], key: str, *, look_only: bool = False) -> Usage:
        """Look the request up, and remember it, when it carries a cache marker; `look_only` remembers nothing."""
        markers, ttl = _markers(request)
        if not markers:
            return Usage(fresh=input_tokens(request))
        prefixes = _prefixes(request, key)
        last = markers[-1]
        now = self._clock()
        hit = next((at for at in range(last, max(last - LOOKBACK, -1), -1) if self._holds(prefixes[at][0], now)), None)
        for at in [] if look_only else markers if hit is None else [hit, *markers]:
            self._kept_until[prefixes[at][0]] = now + ttl
        self._forget_oldest()
        cached = 0 if hit is None else tokens(prefixes[hit][1])
        marked_tokens = tokens(prefixes[last][1])
        return Usage(tokens(prefixes[-1][1]) - marked_tokens, cached, marked_tokens - cached, ttl == HOUR)

    def _holds(self, prefix: int, now: float) -> bool:
        return self._kept_until.get(prefix, 0.0) > now

    def _forget_oldest(self) -> None:
        while len(self._kept_until) > MOST_PREFIXES:
            del self._kept_until[next(iter(self._kept_until))]


def _markers(request: dict[str, Any]) -> tuple[list[int], float]:
    """Prefixes to keep (0 is the one of tools and system, n the one up to message n) and for how long."""
    messages = request["messages"]
    controls = {
        n: block["cache_control"] for n, message in enumerate(messages, 1) for block in marked(message["content"])
    }
    for block in (*marked(request.get("system") or ""), *marked(request.get("tools") or "")):
        controls[0] = block["cache_control"]
    if request.get("cache_control"):
        controls[len(messages)] = request["cache_control"]
    hour = any(control.get("ttl") == "1h" for control in controls.values())
    return sorted(controls), HOUR if hour else MINUTES_5


def _prefixes(request: dict[str, Any], key: str) -> list[tuple[int, int]]:
    """(digest, characters) of every prefix of the prompt."""
    digest = hash((key, request["model"], str(request.get("tools")), _digestible(request.get("system") or "")))
    characters = preamble_size(request)
    found = [(digest, characters)]
    for message in request["messages"]:
        digest = hash((digest, message["role"], _digestible(message["content"])))
        characters += size(message["content"])
        found.append((digest, characters))
    return found


def _digestible(content: str | list[dict[str, Any]]) -> tuple[str, ...]:
    """Content in a form that hashes alike whether or not a cache marker sits on it."""
    return tuple(
        block["text"] if block["type"] == "text" else str({k: v for k, v in block.items() if k != "cache_control"})
        for block in blocks(content)
    )
