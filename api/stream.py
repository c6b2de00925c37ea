"""A session's events as they happen: from SQL, hurried along by Redis, and with Claude's words from Redis alone."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from anyio import Event
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Row

from api import render
from api.every import Every
from api.parts import Parts
from overnight import event_types
from overnight.errors import Unauthenticated
from overnight.live import WATCH_SECONDS
from overnight.store import events, sessions
from overnight.store.database import is_down

T = TypeVar("T")

BATCH = 500
CLOSING_NOTICED = 1.0  # seconds, at most
NOTHING: Sequence[Row[Any]] = ()
LAST_WORDS = frozenset({event_types.SESSION_DELETED, event_types.SESSION_TERMINATED})


@dataclass(slots=True)
class Listener:
    """Who listens to what: `after` is the number of the last event that they have, `previews` the types to preview.

    `closing` is set when the server stops.
    """

    parts: Parts
    secret: str
    session_id: str
    after: int
    previews: frozenset[str]
    closing: Event = field(default_factory=Event)

    async def records(self) -> AsyncIterator[bytes]:
        """Every event after `after`, until the session is gone; database and Redis may be away meanwhile."""
        settings = self.parts.settings
        look, check, watch = Every(settings.poll_interval), Every(settings.keep_alive), Every(WATCH_SECONDS / 3)
        with self.parts.hub.attach(self.session_id, self.previews) as feed:
            while True:
                if watch.is_due():
                    self.parts.after_commit.watch(self.session_id)
                for frame in feed.take_frames():
                    yield record(frame)
                ending = False
                if look.is_due() or feed.nudged:
                    feed.nudged = False
                    while rows := await self._or_later(self._new_events, NOTHING):
                        for row in rows:
                            feed.close_preview(row.id)
                            self.after, ending = row.seq, row.type in LAST_WORDS
                            yield record(render.event(row), row.seq)
                if self.closing.is_set() or ((ending or check.is_due()) and await self._is_over()):
                    return
                await feed.wait(min(look.remaining, CLOSING_NOTICED))

    async def _is_over(self) -> bool:
        """The session is gone and all of it was told, or the key was revoked."""
        try:
            await self.parts.keys.opened_by(self.secret)
        except Unauthenticated:
            return True
        except Exception as error:
            if not is_down(error):
                raise
        return await self._or_later(self._is_told, False)

    async def _or_later(self, read: Callable[[], T], otherwise: T) -> T:
        """Reads in a thread; while the database is down, there is always another time."""
        try:
            return await run_in_threadpool(read)
        except Exception as error:
            if not is_down(error):
                raise
            return otherwise

    def _new_events(self) -> Sequence[Row[Any]]:
        with self.parts.database.read() as connection:
            return events.follow(connection, self.session_id, self.after, BATCH)

    def _is_told(self) -> bool:
        with self.parts.database.read() as connection:
            return sessions.is_over(connection, self.session_id, self.after)


def record(data: dict[str, Any], seq: int | None = None) -> bytes:
    """One record of the stream. The SDK drops those without an `event:` line."""
    number = "" if seq is None else f"id: {seq}\n"
    return f"event: {data['type']}\n{number}data: {json.dumps(data, separators=(',', ':'))}\n\n".encode("ascii")
