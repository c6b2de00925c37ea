"""What Redis says about sessions, brought to whoever listens: one pub/sub connection a process. All of it is a hint."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

import structlog
from anyio import move_on_after
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from api.feed import Feed
from overnight import live
from overnight.crypto.wire import Wire
from overnight.live import SOCKET_TIMEOUT

log = structlog.get_logger(__name__)

HUB = "overnight:hub"  # kept subscribed, so that the connection always listens to something
PING_SECONDS = 5.0
BACK_OFF = (0.1, 5.0)


class Hub:
    """Listens as long as it is open, and comes back after every loss of Redis."""

    def __init__(self, redis_url: str, wire: Wire | None = None) -> None:
        self._wire = wire or Wire(())
        self._redis: Redis = Redis.from_url(
            redis_url,
            socket_timeout=SOCKET_TIMEOUT,
            socket_connect_timeout=SOCKET_TIMEOUT,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
        )
        self._feeds: dict[str, set[Feed]] = {}
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="hub")
        return self

    async def __aexit__(self, *_: object) -> None:
        await _end({self._task}, each=0.3)
        await self._redis.aclose()

    @contextmanager
    def attach(self, session_id: str, wanted: frozenset[str] = frozenset()) -> Iterator[Feed]:
        """Listens to a session for the length of the block; `wanted` are the event types to preview."""
        feed, channel = Feed(wanted), live.channel(session_id)
        self._feeds.setdefault(channel, set()).add(feed)
        self._changed.set()
        try:
            yield feed
        finally:
            self._feeds[channel].discard(feed)
            if not self._feeds[channel]:
                del self._feeds[channel]
            self._changed.set()

    async def is_up(self, seconds: float = 1.0) -> bool:
        """Whether Redis answers."""
        answered = False
        with move_on_after(seconds), suppress(RedisError, OSError):
            answered = bool(await self._redis.ping())
        return answered

    async def _run(self) -> None:
        delay, most = BACK_OFF
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(HUB)
                    delay = BACK_OFF[0]
                    await _first_of(self._read(pubsub), self._keep_subscribed(pubsub))
            except Exception as error:  # whatever it was, listening goes on
                log.warning("redis_unreachable", error=type(error).__name__, again_in=delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, most)

    async def _read(self, pubsub: PubSub) -> None:
        while True:
            message = await pubsub.get_message(timeout=2 * PING_SECONDS)
            if message is None:
                raise RedisConnectionError("silent")
            if feeds := self._feeds.get(message["channel"], ()):
                frame = self._frame(message)
                for feed in feeds:
                    _pass_on(frame, feed)

    def _frame(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """None for a nudge, for words that no key here opens, and when the subscription stands."""
        if message["type"] != "message":
            return None
        return live.decode(self._wire.open(message["data"], message["channel"]) or live.NUDGE)

    async def _keep_subscribed(self, pubsub: PubSub) -> None:
        """The only writer on the connection: subscribes to what is listened to, and pings when idle."""
        subscribed: set[str] = set()
        while True:
            self._changed.clear()
            wanted = set(self._feeds)
            if added := wanted - subscribed:
                await pubsub.subscribe(*added)
            if dropped := subscribed - wanted:
                await pubsub.unsubscribe(*dropped)
            subscribed = wanted
            with move_on_after(PING_SECONDS) as pause:
                await self._changed.wait()
            if pause.cancelled_caught:
                await pubsub.ping()


def _pass_on(frame: dict[str, Any] | None, feed: Feed) -> None:
    if frame is None:  # what came before is only in SQL
        feed.nudge()
    elif feed.wants_frames:
        feed.hear(frame)


async def _first_of(*coroutines: Any) -> None:
    """Runs them until one fails, and ends the others."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await _end(set(tasks), each=0.1)


async def _end(tasks: set[asyncio.Task[None]], each: float) -> None:
    """Cancels every `each` seconds until they are done: redis-py may lose a cancellation while it connects or reads."""
    while tasks:
        for task in tasks:
            task.cancel()
        done, tasks = await asyncio.wait(tasks, timeout=each)
        for task in done:
            with suppress(asyncio.CancelledError):
                task.exception()  # seen, so that asyncio does not report it as forgotten
