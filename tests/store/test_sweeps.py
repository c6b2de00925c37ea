"""The wake sweep and the purge: bounded, in batches, harmless when two run at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlalchemy import Connection, func, insert, select, update
from sqlmodel import SQLModel, col

from overnight.errors import IdempotencyMismatch
from overnight.models import Event, Idempotency, Message, Session, Task
from overnight.store import idempotency, removal, sessions, submissions, sweeps
from overnight.store.clock import after
from overnight.store.database import Database
from overnight.store.idempotency import Answer
from overnight.store.submissions import NewTask
from tests.store.scenes import (
    DEFAULT_WORKSPACE,
    at_once,
    change,
    clock,
    new_session,
    rest,
    says,
    session,
    started,
    submit,
    succeed,
    take,
    work_off,
)


def sweep(database: Database, batch: int = 500) -> list[str]:
    with database.write() as connection:
        return list(sweeps.take_due(connection, batch))


def due_since(database: Database, seconds: float, session_id: str | None = None, *, is_idle: bool = False) -> str:
    session_id = session_id or new_session(database)
    change(database, session_id, wake_at=-seconds, idle_since=-seconds if is_idle else None)
    return session_id


def seconds_until(database: Database, moment: datetime | None) -> float:
    assert moment is not None
    return (moment - clock(database)).total_seconds()


def test_what_is_due_is_taken_the_longest_due_first_and_nothing_else(database: Database) -> None:
    late, later, latest = (due_since(database, seconds) for seconds in (5, 60, 1))
    new_session(database)  # never wakes
    change(database, new_session(database), wake_at=60.0)
    due_since(database, 5, started(database).task.session_id)  # owned, and the owner lives
    dead = started(database).task.session_id
    change(database, dead, lease_expires_at=-3.0, wake_at=-3.0)
    closed = new_session(database)
    with database.write() as connection:
        sessions.archive(connection, DEFAULT_WORKSPACE, closed)
    due_since(database, 5, closed)
    assert sweep(database) == [later, late, dead, latest]


def test_a_live_lease_is_untouched(database: Database) -> None:
    session_id = due_since(database, 5, started(database).task.session_id)
    before = session(database, session_id)
    assert sweep(database) == []
    assert session(database, session_id) == before


def test_a_sweep_is_bounded(database: Database) -> None:
    waiting = [due_since(database, 100 - place) for place in range(5)]
    assert [sweep(database, batch=2) for _ in range(4)] == [waiting[:2], waiting[2:4], waiting[4:], []]


def test_a_crowd_whose_end_has_come_does_not_hold_up_work(database: Database) -> None:
    crowd = [due_since(database, 100 - place, is_idle=True) for place in range(5)]
    at_work = due_since(database, 1)
    with database.write() as connection:
        assert list(sweeps.take_due(connection, batch=2, endings=3)) == [at_work, *crowd[:3]]


def test_who_is_not_taken_is_left_alone_for_longer_and_longer(database: Database) -> None:
    session_id = due_since(database, 1)
    for patience in (2, 4, 8, 16, 30, 30):
        assert sweep(database) == [session_id]
        assert sweep(database) == []
        assert patience - 1 < seconds_until(database, session(database, session_id).wake_at) <= patience
        due_since(database, 1, session_id)
    rest(database, take(database, session_id))
    assert session(database, session_id).wakes == 0
    due_since(database, 1, session_id)
    sweep(database)
    assert 1 < seconds_until(database, session(database, session_id).wake_at) <= 2


def test_a_swept_session_is_not_woken_again_by_a_submission(database: Database) -> None:
    session_id = due_since(database, 1)
    sweep(database)
    assert submit(database, session_id).wake is False


def test_sweeps_at_once_share_the_work(database: Database) -> None:
    waiting = {due_since(database, 10) for _ in range(40)}
    taken = at_once(4, lambda _: sweep(database, batch=10))
    assert sorted(len(some) for some in taken) == [10, 10, 10, 10]
    assert {session_id for some in taken for session_id in some} == waiting


def beside(database: Database, hold: Callable[[Connection], object]) -> list[str]:
    """What a sweep takes while `hold`'s transaction is open: it must not wait for it."""
    with ThreadPoolExecutor(1) as pool, database.write() as connection:
        hold(connection)
        return pool.submit(sweep, database).result(timeout=10)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_sweep_does_not_wait_for_another(database: Database) -> None:
    due_since(database, 2)
    other = due_since(database, 1)
    assert beside(database, lambda connection: sweeps.take_due(connection, 1)) == [other]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_sweep_passes_over_a_session_that_is_being_written(database: Database) -> None:
    session_id = due_since(database, 1)
    new = NewTask(says("Go."))
    assert (
        beside(
            database,
            lambda connection: submissions.submit(connection, DEFAULT_WORKSPACE, session_id, new, max_age=0),
        )
        == []
    )


ROWS: tuple[type[SQLModel], ...] = (Message, Event, Task)


def rows_of(database: Database, session_id: str) -> list[int]:
    with database.read() as connection:
        return [
            connection.execute(
                select(func.count()).select_from(table).where(col(table.session_id) == session_id)  # type: ignore[attr-defined]
            ).scalar_one()
            for table in ROWS
        ]


def purge(database: Database, session_id: str, batch: int) -> bool:
    with database.write() as connection:
        return removal.purge(connection, session_id, batch)


def test_a_purge_goes_in_batches_and_takes_the_session_last(database: Database) -> None:
    gone, kept = new_session(database), new_session(database)
    for session_id in (gone, kept):
        for _ in range(3):
            submit(database, session_id)
        work_off(database, session_id)
    with database.write() as connection:
        sessions.delete(connection, DEFAULT_WORKSPACE, gone)
    untouched = rows_of(database, kept)
    messages, told, done = rows_of(database, gone)
    assert (messages, done) == (6, 3)
    assert purge(database, gone, batch=2) is False
    assert rows_of(database, gone) == [messages - 2, told - 2, done - 2]
    rounds = 1
    while not purge(database, gone, batch=2):
        rounds += 1
    assert rounds == (told + 1) // 2
    assert rows_of(database, gone) == [0, 0, 0]
    with database.read() as connection:
        left = connection.execute(select(col(Session.id))).scalars().all()
    assert left == [kept]
    assert rows_of(database, kept) == untouched
    assert purge(database, gone, batch=2) is True


def test_a_repeat_answers_as_the_first_did_and_only_for_the_same_request(database: Database) -> None:
    answer = Answer(202, {"id": "task_1", "nul": "\x00"})
    with database.write() as connection:
        assert idempotency.recall(connection, DEFAULT_WORKSPACE, "key", "print") is None
        idempotency.remember(connection, DEFAULT_WORKSPACE, "key", "print", answer, None)
    with database.read() as connection:
        earlier = idempotency.recall(connection, DEFAULT_WORKSPACE, "key", "print")
        assert earlier is not None
        assert earlier.answer == answer
        assert 0 <= earlier.age < 60
        assert idempotency.recall(connection, "wrkspc_other", "key", "other print") is None
        with pytest.raises(IdempotencyMismatch, match="use a new key"):
            idempotency.recall(connection, DEFAULT_WORKSPACE, "key", "other print")


def test_idempotency_keys_are_forgotten_after_a_day_in_batches(database: Database) -> None:
    with database.write() as connection:
        for place in range(5):
            row = {"workspace_id": f"w{place % 2}", "key": f"k{place}", "fingerprint": "f", "status": 200, "body": {}}
            connection.execute(insert(Idempotency).values(**row, created_at=after(-86_401.0)))
        connection.execute(update(Idempotency).where(col(Idempotency.key) == "k4").values(created_at=after(-86_300.0)))
    forgotten = []
    for _ in range(3):
        with database.write() as connection:
            forgotten.append(sweeps.forget_idempotency_keys(connection, batch=3))
    assert forgotten == [3, 1, 0]
    with database.read() as connection:
        assert connection.execute(select(col(Idempotency.key))).scalars().all() == ["k4"]
    succeed(database, started(database))
