"""A crowd of idle sessions of which some are due: what ending them costs depends on those alone."""

from typing import Any

from sqlalchemy import func, insert, select, update
from sqlmodel import col

from overnight.archive_models import Packing
from overnight.models import DEFAULT_WORKSPACE, Session
from overnight.states import ArchiveReason, Life
from overnight.store import leases, retirement, sweeps
from overnight.store.clock import after
from overnight.store.database import Database
from overnight.store.imports import BLANK
from tests.store.scenes import clock
from tests.store.statements import recorded

CROWD, DUE = 3_000, 60


def crowd(database: Database, sessions: int, due: int) -> None:
    """Idle sessions that are to be looked at in a week, but for so many, which are due."""
    at = clock(database)
    times = {"idle_since": at, "created_at": at, "updated_at": at}
    fixed: dict[str, Any] = {"workspace_id": DEFAULT_WORKSPACE, "model": "m", "max_tokens": 9, "labels": {}, **times}
    with database.write() as connection:
        for begin in range(0, sessions, 5_000):
            rows = [{**BLANK, **fixed, "id": f"sesn_{n}"} for n in range(begin, min(begin + 5_000, sessions))]
            connection.execute(insert(Session), rows)
        connection.execute(update(Session).values(wake_at=after(604_800.0)))
        doomed = [f"sesn_{n}" for n in range(0, sessions, sessions // due)]
        connection.execute(update(Session).where(col(Session.id).in_(doomed)).values(wake_at=after(-1.0)))


def end_all(database: Database) -> list[int]:
    """As the sweep and a worker do it, one after the other; gives how many statements each took."""
    spent: list[int] = []
    while True:
        with database.write() as connection:
            due = sweeps.take_due(connection)
        if not due:
            return spent
        for session_id in due:
            with recorded(database) as sent:
                end(database, session_id)
            spent.append(len(sent))


def end(database: Database, session_id: str) -> None:
    with database.write() as connection:
        lease = leases.acquire(connection, session_id, "node#1", 30.0)
        assert lease is not None
    with database.write() as connection:
        assert retirement.archive(connection, lease, ArchiveReason.IDLE, "Summary.", None, None)


def test_only_those_that_are_due_are_ended_at_a_steady_cost(database: Database) -> None:
    crowd(database, CROWD, DUE)
    spent = end_all(database)
    assert len(spent) == DUE
    with database.read() as connection:
        archived = select(func.count()).where(col(Session.life) == Life.ARCHIVED)
        assert connection.execute(archived).scalar_one() == DUE
        assert connection.execute(select(func.count()).select_from(Packing)).scalar_one() == DUE
    assert len(set(spent)) == 1, "no dearer as it goes on"
