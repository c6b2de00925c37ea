"""The work of an environment as it is looked at: lists, numbers, labels, and who polls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, insert, or_, select, update
from sqlmodel import col

from overnight.environment_models import Poller, Work
from overnight.states import WorkState
from overnight.store.clock import ago, now
from overnight.store.listing import Cursor, paged
from overnight.store.rows import every, first
from overnight.store.work import IS_LIVE
from overnight.store.work_turns import LOST, find

#: Seconds: a worker polls as long as it was seen so lately; it is noted so often; and forgotten so late.
SEEN, NOTED, FORGOTTEN = 30.0, 10.0, 3_600.0

QUEUED = col(Work.state) == WorkState.QUEUED
IN_QUEUE = or_(and_(QUEUED, col(Work.polled_at).is_(None)), LOST)
POLLED = and_(QUEUED, col(Work.polled_at).is_not(None))


@dataclass(frozen=True, slots=True)
class Stats:
    """`depth`: items to pick up. `pending`: polled, not acknowledged. `oldest`: since when the first of both waits."""

    depth: int
    pending: int
    oldest: datetime | None
    workers: int


def page(connection: Connection, environment_id: str, *, limit: int, cursor: Cursor | None = None) -> Sequence[Work]:
    """At most `limit` items, newest first, older than `cursor`."""
    statement = select(Work).where(col(Work.environment_id) == environment_id)
    return every(connection, Work, paged(statement, Work, limit=limit, cursor=cursor))


def stats(connection: Connection, environment_id: str) -> Stats:
    live = select(
        func.count(case((IN_QUEUE, 1))),
        func.count(case((POLLED, 1))),
        func.min(case((or_(IN_QUEUE, POLLED), col(Work.created_at)))),
    ).where(col(Work.environment_id) == environment_id, IS_LIVE)
    polling = select(func.count()).where(
        col(Poller.environment_id) == environment_id, col(Poller.polled_at) > ago(SEEN)
    )
    depth, pending, oldest = connection.execute(live).one()
    return Stats(depth, pending, oldest, connection.execute(polling).scalar_one())


def relabel(
    connection: Connection,
    workspace_id: str,
    environment_id: str,
    work_id: str,
    amend: Callable[[dict[str, str]], dict[str, str]],
) -> Work:
    """Raises `NotFound`, and what `amend` raises."""
    find(connection, workspace_id, environment_id, work_id)
    here = col(Work.id) == work_id
    before = first(connection, Work, select(Work).where(here).with_for_update())
    if before is not None:
        connection.execute(update(Work).where(here).values(labels=amend(before.labels)))
    return find(connection, workspace_id, environment_id, work_id)


def is_noted(connection: Connection, environment_id: str, name: str) -> bool:
    """Whether it is known that this worker polls, as of a moment ago."""
    lately = select(col(Poller.name)).where(*_poller(environment_id, name), col(Poller.polled_at) > ago(NOTED))
    return connection.execute(lately).first() is not None


def note(connection: Connection, environment_id: str, name: str) -> None:
    """Raises `IntegrityError` where the same worker has just been noted for the first time."""
    seen = update(Poller).where(*_poller(environment_id, name)).values(polled_at=now())
    if connection.execute(seen).rowcount == 0:
        gone = (col(Poller.environment_id) == environment_id, col(Poller.polled_at) <= ago(FORGOTTEN))
        connection.execute(delete(Poller).where(*gone))
        connection.execute(insert(Poller).values(environment_id=environment_id, name=name, polled_at=now()))


def _poller(environment_id: str, name: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return col(Poller.environment_id) == environment_id, col(Poller.name) == name
