"""Where the workers keep in Redis what they know of Claude's limits, and how to read it."""

import hashlib
import time
from dataclasses import dataclass
from typing import Any

from redis import Redis

from overnight.live import SOCKET_TIMEOUT
from overnight.settings import Settings

PREFIX = "overnight:governor"
WORKERS = f"{PREFIX}:workers"  # sorted by when each was last heard
#: A worker that was not heard for so long has gone, seconds.
WORKER_GONE = 30.0
DIMENSIONS = ("requests", "input tokens", "output tokens")


def credential_of(settings: Settings) -> str:
    """A name for the key with which Claude is asked, from which the key cannot be found."""
    key = settings.anthropic_api_key.get_secret_value() if settings.anthropic_api_key else ""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def keys_of(credential: str, family: str) -> list[str]:
    """The pool, its line, when places lapse, who came last, and what is under way; in the order the scripts want."""
    pool = f"{PREFIX}:{credential}:{family}"
    return [pool, *(f"{pool}:{part}" for part in ("line", "until", "last", "flights"))]


@dataclass(frozen=True, slots=True)
class PoolState:
    """A pool at a moment: (limit a minute, left now) by dimension, both None where not known. Times are seconds."""

    credential: str  # as `credential_of` names it
    family: str
    levels: dict[str, tuple[float, float] | None]
    waiting: int
    under_way: int
    closed_for: float
    window: int  # how many may be under way at once; 0: any number

    @property
    def gate(self) -> str:
        """In words."""
        if self.closed_for > 0:
            return f"closed for {self.closed_for:.0f} s"
        return f"opening, {self.window} at a time" if self.window else "open"


def learned(redis_url: str, credential: str = "*") -> list[PoolState]:
    """`pools` of the Redis at an address. Raises `RedisError`, and `ValueError` for what is no address."""
    with Redis.from_url(redis_url, socket_timeout=SOCKET_TIMEOUT, socket_connect_timeout=SOCKET_TIMEOUT) as redis:
        return pools(redis, credential)


def pools(redis: "Redis", credential: str = "*") -> list[PoolState]:
    """All that workers with this credential, or with any, have learned."""
    found = redis.scan_iter(f"{PREFIX}:{credential}:*", count=1_000)
    names = {tuple(_text(key).removeprefix(f"{PREFIX}:").split(":")[:2]) for key in found}
    return [_read(redis, *name) for name in sorted(names)]


def _read(redis: "Redis", credential: str, family: str) -> PoolState:
    pool, line, _, _, flights = keys_of(credential, family)
    stored: Any = redis.hgetall(pool)
    known = {_text(name): float(value) for name, value in stored.items()}
    now = time.time()
    passed = max(0.0, now - known.get("at", now))
    levels: dict[str, tuple[float, float] | None] = {}
    for place, dimension in enumerate(DIMENSIONS, 1):
        limit, free = known.get(f"limit{place}", 0.0), known.get(f"free{place}", 0.0)
        levels[dimension] = (limit, max(0.0, min(limit, free + passed * limit / 60))) if limit else None
    closed_for = max(0.0, known.get("closed_until", 0.0) - now)
    waiting, under_way = int(redis.zcard(line)), int(redis.zcount(flights, now, "+inf"))
    return PoolState(credential, family, levels, waiting, under_way, closed_for, int(known.get("window", 0)))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
