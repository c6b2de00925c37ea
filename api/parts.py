"""What the API is made of, opened at start-up and handed to every request through its state."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import anyio.to_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from api.auth import KeyRing
from api.hub import Hub
from overnight import price_list
from overnight.after_commit import AfterCommit
from overnight.crypto.wire import Wire
from overnight.expiry import Limits, first_look
from overnight.settings import Settings
from overnight.store.database import Database

#: As many threads as database connections: none waits for one.
THREADS = 20


@dataclass(frozen=True, slots=True)
class Parts:
    settings: Settings
    database: Database
    after_commit: AfterCommit
    hub: Hub
    keys: KeyRing


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Parts]:
    """Neither the database nor Redis need be there yet."""
    price_list.use(settings.prices)
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    wire = Wire(settings.master_keys)
    database = Database(settings.sql_url, THREADS, settings.master_keys)
    after_commit = AfterCommit(settings.redis_url, wire)
    bootstrap = settings.api_key.get_secret_value() if settings.api_key else None
    keys = KeyRing(database, settings.key_cache, bootstrap)
    await run_in_threadpool(keys.admit_bootstrap)
    try:
        async with Hub(settings.redis_url, wire) as hub:
            yield Parts(settings, database, after_commit, hub, keys)
    finally:
        await run_in_threadpool(after_commit.close)
        database.close()


def parts_of(request: HTTPConnection) -> Parts:
    return cast(Parts, request.state.parts)


def workspace_of(request: HTTPConnection) -> str:
    """The workspace that the request's key opens."""
    return cast(str, request.state.workspace_id)


def limits_of(settings: Settings) -> Limits:
    """When sessions expire."""
    return Limits(settings.idle_ttl, settings.max_age, settings.expiry_notice)


def actor_of(request: HTTPConnection) -> str:
    """The id of the request's key."""
    return cast(str, request.state.key_id)


def idle_check(settings: Settings, *said: Mapping[str, Any] | None) -> float:
    """Seconds until a session that is created idle must look after its own expiry; 0: never."""
    return first_look(limits_of(settings).narrowed(*said))
