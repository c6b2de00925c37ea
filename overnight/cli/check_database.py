"""`doctor` on the database: reachable, right schema, right clock, somebody at work, nobody forgotten."""

import time
from collections.abc import Iterator

from sqlalchemy import Connection, func, or_, select
from sqlmodel import col

from overnight.cli.findings import Finding, fail, ok, warn
from overnight.cli.local import MIGRATE, is_missing, open_database, shown_url
from overnight.models import Session
from overnight.settings import Settings
from overnight.states import UNCLOSED
from overnight.store import nodes, schema
from overnight.store.clock import after, now, read_clock

#: Seconds: workers report themselves every third of the lease's life (10 by default), the beat at every sweep (1).
SEEN_WITHIN = {"worker": 30.0, "beat": 10.0}
STALLED = 60.0  # seconds for which a session that is due may be without an owner
SKEW = 1.0
START = "start one with 'overnight up', or with 'overnight worker' and 'overnight beat'"


def check_database(settings: Settings) -> Iterator[Finding]:
    where = shown_url(settings.sql_url)
    if is_missing(settings):
        yield warn("database", f"{where} is not there yet", "'overnight up' or 'overnight migrate' makes it")
        return
    with open_database(settings) as database, database.read() as connection:
        yield ok("database", f"{where} answers")
        found = _schema(connection)
        yield found
        yield _clock(connection)
        if found.verdict == "ok":
            yield from (_nodes(connection, role) for role in SEEN_WITHIN)
            yield _stalled(connection)


def _schema(connection: Connection) -> Finding:
    has, wants = schema.version(connection), schema.newest()
    if has == wants:
        return ok("schema", f"version {has}")
    if has is None:
        return fail("schema", "the database is empty", MIGRATE)
    return fail(
        "schema", f"version {has}, and this program wants {wants}", f"{MIGRATE}; if it is newer, upgrade Overnight"
    )


def _clock(connection: Connection) -> Finding:
    before = time.time()
    there = read_clock(connection).timestamp()
    return compare_clocks("database clock", there, before, time.time())


def compare_clocks(check: str, there: float, before: float, after_: float) -> Finding:
    """A clock that was read between two moments of this host's."""
    skew = there - (before + after_) / 2
    if abs(skew) <= SKEW + (after_ - before) / 2:
        return ok(check, f"{skew * 1000:+.0f} ms from this host's")
    return warn(check, f"{skew:+.1f} s from this host's", "set both by NTP; leases use the database's clock alone")


def _nodes(connection: Connection, role: str) -> Finding:
    alive = nodes.at_work(connection, role, SEEN_WITHIN[role])
    if alive:
        return ok(role, ", ".join(f"{node.name} ({node.slots} slots)" if node.slots else node.name for node in alive))
    return warn(role, f"none was seen in the last {SEEN_WITHIN[role]:g} s", START)


def _stalled(connection: Connection) -> Finding:
    statement = (
        select(func.count())
        .select_from(Session)
        .where(
            col(Session.wake_at) <= after(-STALLED),
            col(Session.life).in_(UNCLOSED),
            or_(col(Session.lease_expires_at).is_(None), col(Session.lease_expires_at) <= now()),
        )
    )
    count = connection.execute(statement).scalar_one()
    if count == 0:
        return ok("stalled sessions", "none")
    return warn(
        "stalled sessions",
        f"{count} are due for more than {STALLED:g} s and have no owner",
        f"no beat or worker: {START}",
    )
