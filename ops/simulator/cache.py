"""The prompt cache: how many of a request's tokens are fresh, how many were there already, how many are written.

As Claude's: prefixes are kept at markers only, found again by looking back from a marker over twenty blocks, for five
minutes or an hour since their last use, and not at all where they are shorter than the model's least.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ops.simulator.conversation import blocks, input_tokens, said, tokens
from ops.simulator.errors import Refused
from ops.simulator.models import find_model

LOOKBACK = 20
MOST_MARKERS = 4
MINUTES_5, HOUR = 300.0, 3600.0
MOST_PREFIXES = 100_000
#: They cannot carry a marker, so the one for the whole request stands before them.
NOT_MARKED = frozenset({"thinking", "redacted_thinking"})
TOO_MANY = "A maximum of 4 blocks with cache_control may be provided. Found {found}."


@dataclass(frozen=True, slots=True)
class Usage:
    """Input tokens by where they came from; `written_for_an_hour` is the part of `written` that is kept so long."""

    fresh: int
    cached: int = 0
    written: int = 0
    written_for_an_hour: int = 0

    @property
    def charged(self) -> int:
        """What counts towards the limit of input tokens: all but what the cache gave."""
        return self.fresh + self.written

    @property
    def prompt(self) -> int:
        return self.fresh + self.cached + self.written


class Prefix(NamedTuple):
    """The prompt up to and including one block; `kept` for so many seconds where the block is marked."""

    digest: int
    characters: int
    kept: float = 0.0


class PromptCache:
    """Which marked prefixes were sent before, and until when each is kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[int, tuple[float, float]] = {}  # until when, and for how long from its last use

    def account(self, request: dict[str, Any], key: str, *, look_only: bool = False) -> Usage:
        """Looks the request up, and remembers its marked prefixes; `look_only` remembers nothing.

        Raises `Refused` for more than four markers.
        """
        prefixes = list(_prefixes(request, key))
        marked = [at for at, prefix in enumerate(prefixes) if prefix.kept]
        if len(marked) > MOST_MARKERS:
            raise Refused(400, TOO_MANY.format(found=len(marked)))
        least = find_model(request["model"])
        marked = [at for at in marked if least is None or tokens(prefixes[at].characters) >= least.min_cached_tokens]
        if not marked:
            return Usage(fresh=input_tokens(request))
        now = self._clock()
        hit = max((self._find(prefixes, at, now) for at in marked), default=-1)
        if not look_only:
            self._remember(prefixes, marked, hit, now)
        return _usage(prefixes, marked, hit)

    def _find(self, prefixes: list[Prefix], marker: int, now: float) -> int:
        """The longest prefix that is kept, at the marker or up to twenty blocks before it; -1 for none."""
        places = range(marker, max(marker - LOOKBACK, -1), -1)
        return next((at for at in places if self._kept.get(prefixes[at].digest, (0.0, 0.0))[0] > now), -1)

    def _remember(self, prefixes: list[Prefix], marked: list[int], hit: int, now: float) -> None:
        for at in {hit, *marked} - {-1}:
            digest, _, kept = prefixes[at]
            until, span = self._kept.get(digest, (0.0, 0.0))
            lasting = max(kept, span if until > now else 0.0)
            self._kept[digest] = now + lasting, lasting
        while len(self._kept) > MOST_PREFIXES:
            del self._kept[next(iter(self._kept))]


def _usage(prefixes: list[Prefix], marked: list[int], hit: int) -> Usage:
    def size(at: int) -> int:
        return tokens(prefixes[at].characters) if at >= 0 else 0

    hourly, begun = 0, hit
    for at in marked:
        if at > begun:
            hourly += size(at) - size(begun) if prefixes[at].kept == HOUR else 0
            begun = at
    return Usage(size(len(prefixes) - 1) - size(begun), size(hit), size(begun) - size(hit), hourly)


def _prefixes(request: dict[str, Any], key: str) -> Iterator[Prefix]:
    """Every prefix of the prompt that ends with a block: tools, then system, then messages."""
    digest, characters = hash((key, request["model"])), 0
    found: list[tuple[Prefix, bool]] = []
    for role, block in _parts(request):
        words = said(block)
        digest, characters = hash((digest, role, words)), characters + len(words)
        found.append((Prefix(digest, characters, _span(block.get("cache_control"))), block.get("type") in NOT_MARKED))
    last = next((at for at in reversed(range(len(found))) if not found[at][1]), -1)
    automatic = _span(request.get("cache_control"))
    for at, (prefix, _) in enumerate(found):
        yield prefix._replace(kept=automatic) if at == last and automatic and not prefix.kept else prefix


def _parts(request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from (("tool", tool) for tool in request.get("tools") or [])
    yield from (("prompt", block) for block in blocks(request.get("system") or []))
    yield from ((message["role"], block) for message in request["messages"] for block in blocks(message["content"]))


def _span(control: dict[str, Any] | None) -> float:
    if not control:
        return 0.0
    return HOUR if control.get("ttl") == "1h" else MINUTES_5
