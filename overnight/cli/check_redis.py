"""`doctor` on Redis and on Celery's settings."""

import time
from collections.abc import Iterator
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from overnight.broker import celery_app
from overnight.cli.check_database import compare_clocks
from overnight.cli.findings import Finding, fail, ok, warn
from overnight.live import SOCKET_TIMEOUT
from overnight.settings import Settings
from overnight.stack.embedded_redis import running_url
from overnight.stack.errors import NoRedis
from overnight.stack.lock import holder
from overnight.stack.redis_binary import OLDEST, find_redis


def check_redis(settings: Settings) -> Iterator[Finding]:
    url = address_of(settings)
    if url is None:
        yield warn(
            "redis", "none is set, and no stack runs here", "'overnight up' brings its own; or set OVERNIGHT_REDIS_URL"
        )
        return
    try:
        redis = Redis.from_url(url, socket_timeout=SOCKET_TIMEOUT, socket_connect_timeout=SOCKET_TIMEOUT)
    except ValueError as error:
        yield fail("redis", str(error), "set OVERNIGHT_REDIS_URL to redis://…, or leave it out")
        return
    with redis:
        try:
            yield from _look(redis)
        except RedisError as error:
            yield fail("redis", f"does not answer ({error})", "start it, or correct OVERNIGHT_REDIS_URL")


def check_embedded_redis(settings: Settings) -> Iterator[Finding]:
    try:
        found = find_redis()
    except NoRedis as error:
        told, _, remedy = str(error).partition(": ")
        yield warn("embedded redis", told, remedy) if settings.redis_url else fail("embedded redis", told, remedy)
        return
    used = "not used: OVERNIGHT_REDIS_URL is set" if settings.redis_url else "used by 'up' and 'run'"
    yield ok("embedded redis", f"{found.path} {'.'.join(map(str, found.version))}, {used}")


def check_celery(settings: Settings) -> Iterator[Finding]:
    conf = celery_app(settings.redis_url or "redis://").conf
    visible = conf.broker_transport_options["visibility_timeout"]
    told = (
        f"visibility timeout {visible} s, acks late {conf.task_acks_late}, prefetch {conf.worker_prefetch_multiplier}"
    )
    if conf.task_acks_late and conf.worker_prefetch_multiplier == 1 and visible > 2 * settings.slice_seconds:
        yield ok("celery", told)
    else:
        remedy = (
            f"acks late, prefetch 1 and more than twice OVERNIGHT_SLICE_SECONDS ({settings.slice_seconds:g}) are needed"
        )
        yield fail("celery", told, remedy)


def address_of(settings: Settings) -> str | None:
    """Of the Redis that is set, or of the stack that runs here."""
    return settings.redis_url or (running_url(settings.data_dir) if holder(settings.data_dir) else None)


def _look(redis: Redis) -> Iterator[Finding]:
    info: dict[str, Any] = redis.info()
    yield _version(str(info["redis_version"]))
    yield _aof(info)
    yield _memory(info)
    before = time.time()
    seconds, microseconds = redis.time()
    yield compare_clocks("redis clock", seconds + microseconds / 1e6, before, time.time())


def _version(version: str) -> Finding:
    if tuple(int(part) for part in version.split(".")[:3]) >= OLDEST:
        return ok("redis", f"{version} answers")
    return fail("redis", f"{version} is too old", "use Redis or Valkey 6.2 or newer")


def _aof(info: dict[str, Any]) -> Finding:
    if info.get("aof_enabled"):
        return ok("redis append-only file", "on")
    return warn(
        "redis append-only file", "off: a restart forgets wake-ups until the sweep repeats them", "set 'appendonly yes'"
    )


def _memory(info: dict[str, Any]) -> Finding:
    policy = info.get("maxmemory_policy", "unknown")
    if policy == "noeviction" or not info.get("maxmemory"):
        return ok("redis memory", f"{info.get('used_memory_human', '?')} used, policy {policy}")
    return warn(
        "redis memory", f"policy {policy} throws messages away when memory is full", "set 'maxmemory-policy noeviction'"
    )
