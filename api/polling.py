"""The poll of an environment's worker: waits for work without holding a thread or a connection."""

import time
from contextlib import suppress
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import IntegrityError
from sse_starlette.sse import AppStatus
from starlette.requests import Request

from api.parts import Parts, parts_of, workspace_of
from api.schemas_environments import PollQuery
from overnight.environment_models import Work
from overnight.store import environments, work_pages, work_turns

#: Milliseconds after which what was polled and not acknowledged is given out again.
USUAL_RECLAIM = 5_000


@dataclass(frozen=True, slots=True)
class Poll:
    """One worker's question; `name` is what it calls itself. `reclaim` in seconds."""

    parts: Parts
    workspace_id: str
    environment_id: str
    name: str | None
    reclaim: float

    def begin(self) -> Work | None:
        """Raises `NotFound`."""
        with self.parts.database.read() as connection:
            environments.find(connection, self.workspace_id, self.environment_id)
            is_noted = self.name is None or work_pages.is_noted(connection, self.environment_id, self.name)
        if not is_noted:
            self._note()
        return self.look()

    def look(self) -> Work | None:
        """Writes only where there is something to take."""
        with self.parts.database.read() as connection:
            if not work_turns.is_anything(connection, self.environment_id, self.reclaim):
                return None
        with self.parts.database.write() as connection:
            return work_turns.poll(connection, self.environment_id, self.reclaim)

    def _note(self) -> None:
        assert self.name is not None
        with suppress(IntegrityError), self.parts.database.write() as connection:
            work_pages.note(connection, self.environment_id, self.name)


async def next_work(request: Request, environment_id: str, name: str | None, query: PollQuery) -> Work | None:
    """What there is for a worker, at the latest after `block_ms`. Raises `NotFound`."""
    parts = parts_of(request)
    reclaim = USUAL_RECLAIM if query.reclaim_older_than_ms is None else query.reclaim_older_than_ms
    poll = Poll(parts, workspace_of(request), environment_id, name, reclaim / 1_000)
    deadline = time.monotonic() + (query.block_ms or 0) / 1_000
    work = await run_in_threadpool(poll.begin)
    if work is not None or query.block_ms is None:
        return work
    with parts.hub.attach(environment_id) as feed:
        while work is None and not await _over(request, deadline):
            await feed.wait(min(parts.settings.poll_interval, deadline - time.monotonic()))
            work = await run_in_threadpool(poll.look)
    return work


async def _over(request: Request, deadline: float) -> bool:
    """Time is up, the server is stopping, or nobody waits any more."""
    return time.monotonic() >= deadline or AppStatus.should_exit or await request.is_disconnected()
