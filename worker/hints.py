"""Hints over Redis: which sessions somebody listens to, and when to look for a stop. Without them all works, later."""

import asyncio
import time
from collections.abc import Callable

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from overnight import live
from overnight.live import SOCKET_TIMEOUT

log = structlog.get_logger(__name__)

RECONNECT = 2.0


class Hints:
    """Subscribes once a process; `is_watched` is answered from memory."""

    def __init__(self, redis_url: str, on_stop: Callable[[], None]) -> None:
        self._redis_url = redis_url
        self._on_stop = on_stop
        self._watched: dict[str, float] = {}

    def is_watched(self, session_id: str) -> bool:
        return self._watched.get(session_id, 0.0) > time.monotonic()

    async def listen(self) -> None:
        """For ever: reconnects whatever happens."""
        while True:
            try:
                await self._listen_once()
            except (RedisError, OSError, TimeoutError) as error:
                log.debug("hints_interrupted", error=str(error))
            await asyncio.sleep(RECONNECT)

    async def _listen_once(self) -> None:
        async with (
            Redis.from_url(
                self._redis_url, socket_connect_timeout=SOCKET_TIMEOUT, health_check_interval=15, decode_responses=True
            ) as redis,
            redis.pubsub(ignore_subscribe_messages=True) as pubsub,
        ):
            await pubsub.subscribe(live.WATCH, live.STOP)
            while True:
                message = await pubsub.get_message(timeout=10.0)
                if message is not None:
                    self._take(message["channel"], message["data"])

    def _take(self, channel: str, session_id: str) -> None:
        if channel == live.STOP:
            self._on_stop()
            return
        now = time.monotonic()
        self._watched[session_id] = now + live.WATCH_SECONDS
        if len(self._watched) > 1_000:
            self._watched = {name: until for name, until in self._watched.items() if until > now}
