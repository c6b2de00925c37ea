"""A task in each of its states, brought there as in life; and what callers do to it."""

from collections.abc import Callable
from datetime import timedelta

from overnight.models import Task
from overnight.store import submissions
from overnight.store.database import Database
from overnight.store.turn import Turn
from tests.store.scenes import (
    DEFAULT_WORKSPACE,
    clock,
    events,
    fail,
    new_session,
    park,
    session,
    started,
    submit,
    succeed,
)


def a_queued(database: Database) -> str:
    return submit(database, new_session(database)).task.id


def a_scheduled(database: Database) -> str:
    later = clock(database) + timedelta(hours=1)
    return submit(database, new_session(database), not_before=later).task.id


def after_its(end: Callable[[Database, Turn], object] | None) -> Callable[[Database], str]:
    def make(database: Database) -> str:
        turn = started(database)
        if end:
            end(database, turn)
        return turn.task.id

    return make


def a_cancelled(database: Database) -> str:
    task_id = a_queued(database)
    cancel(database, task_id)
    return task_id


IN: dict[str, Callable[[Database], str]] = {
    "queued": a_queued,
    "running": after_its(None),
    "retrying": after_its(park),
    "scheduled": a_scheduled,
    "succeeded": after_its(succeed),
    "failed": after_its(fail),
    "cancelled": a_cancelled,
}


def cancel(database: Database, task_id: str) -> tuple[Task, bool]:
    with database.write() as connection:
        return submissions.cancel(connection, DEFAULT_WORKSPACE, task_id)


def retry(database: Database, task_id: str) -> tuple[Task, bool]:
    with database.write() as connection:
        return submissions.retry(connection, DEFAULT_WORKSPACE, task_id, most_steps=200)


def interrupt(database: Database, session_id: str) -> str | None:
    """Gives the id of the task that is to stop."""
    with database.write() as connection:
        return submissions.interrupt(connection, DEFAULT_WORKSPACE, session_id)[0].task_id


def check_numbers(database: Database, session_id: str) -> None:
    """Every event has its own place, in order, and the session knows the last."""
    places = [event.seq for event in events(database, session_id)]
    assert places == sorted(set(places))
    assert places[-1] == session(database, session_id).event_seq
