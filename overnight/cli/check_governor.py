"""`doctor` on Claude's limits, as the workers have learned them."""

from collections.abc import Iterator

from redis.exceptions import RedisError

from overnight.cli.check_redis import address_of
from overnight.cli.findings import Finding, ok, warn
from overnight.rate_limits import PoolState, credential_of, learned
from overnight.settings import Settings


def check_governor(settings: Settings) -> Iterator[Finding]:
    try:
        known = _known(settings)
    except (RedisError, ValueError):
        return  # which the check of Redis tells
    if not known:
        yield ok("limits", "none learned yet: the headers of Claude's first answer tell them")
    for pool in known:
        yield _told(pool)


def _known(settings: Settings) -> list[PoolState]:
    url = address_of(settings)
    return [] if url is None else learned(url, credential_of(settings))


def _told(pool: PoolState) -> Finding:
    levels = [
        f"{dimension} {int(level[1]):,} of {int(level[0]):,} a minute left"
        for dimension, level in pool.levels.items()
        if level
    ]
    line = f"{pool.waiting} waiting, {pool.under_way} under way"
    told = "; ".join([f"gate {pool.gate}", *(levels or ["no limits known"]), line])
    if pool.closed_for > 0:
        return warn(f"limits of {pool.family}", told, "nothing: tasks wait, and the gate opens by itself")
    return ok(f"limits of {pool.family}", told)
