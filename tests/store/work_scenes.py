"""Sessions in environments, and the workers of these, for the store's tests."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select, update
from sqlmodel import col

from overnight.environment_models import Work
from overnight.models import DEFAULT_WORKSPACE, Task, ToolCall
from overnight.store import answers, environments, tasks, work_turns
from overnight.store.answers import Answered
from overnight.store.clock import after
from overnight.store.database import Database
from overnight.store.environments import NewEnvironment
from overnight.store.rows import every
from overnight.store.turn import Turn
from overnight.store.work_turns import NO_HEARTBEAT, Beat
from tests import asking
from tests.asking import HANDED_OUT, Wish
from tests.store.answering import found, let_go
from tests.store.scenes import begin, new_session, submit, take

RECLAIM = 5.0
TTL = 60


def new_environment(database: Database, workspace: str = DEFAULT_WORKSPACE, name: str = "laptop") -> str:
    with database.write() as connection:
        return environments.create(connection, workspace, NewEnvironment(name)).id


def at_work(database: Database, environment_id: str, *wishes: Wish) -> tuple[Turn, list[ToolCall]]:
    """A running task of a new session, whose calls have just been handed out."""
    session_id = new_session(database, environment_id=environment_id)
    submit(database, session_id)
    return asked_again(database, begin(database, take(database, session_id)), *wishes)


def asked_again(database: Database, turn: Turn, *wishes: Wish) -> tuple[Turn, list[ToolCall]]:
    wanted = wishes or (HANDED_OUT,)
    with database.write() as connection:
        turn, calls = asking.ask(connection, turn, wanted)
    with database.write() as connection:
        turn = asking.begin(connection, turn, calls, wanted)
    return turn, [found(database, call) for call in calls]


def waiting(database: Database, environment_id: str, *wishes: Wish) -> tuple[Task, list[ToolCall]]:
    """A task that waits for a worker of its environment, and its calls."""
    turn, calls = at_work(database, environment_id, *wishes)
    let_go(database, turn)
    with database.read() as connection:
        return tasks.get(connection, DEFAULT_WORKSPACE, turn.task.id), calls


def poll(database: Database, environment_id: str, reclaim: float = RECLAIM) -> Work | None:
    with database.write() as connection:
        return work_turns.poll(connection, environment_id, reclaim)


def polled(database: Database, environment_id: str) -> Work:
    work = poll(database, environment_id)
    assert work is not None
    return work


def acknowledge(database: Database, work: Work) -> Work:
    with database.write() as connection:
        return work_turns.acknowledge(connection, DEFAULT_WORKSPACE, work.environment_id, work.id, TTL)


def beat(database: Database, work: Work, expected: Any = NO_HEARTBEAT, ttl: int = TTL) -> Beat:
    with database.write() as connection:
        return work_turns.beat(connection, DEFAULT_WORKSPACE, work.environment_id, work.id, expected, ttl)


def stop(database: Database, work: Work, *, force: bool = True) -> Work:
    with database.write() as connection:
        return work_turns.stop(connection, DEFAULT_WORKSPACE, work.environment_id, work.id, force=force)


def taken(database: Database, environment_id: str) -> Work:
    """An item in the hands of a worker, as of its first heartbeat."""
    return beat(database, acknowledge(database, polled(database, environment_id))).work


def now_work(database: Database, work: Work) -> Work:
    with database.read() as connection:
        return work_turns.find(connection, DEFAULT_WORKSPACE, work.environment_id, work.id)


def all_work(database: Database, session_id: str) -> list[Work]:
    with database.read() as connection:
        statement = select(Work).where(col(Work.session_id) == session_id).order_by(col(Work.created_at))
        return list(every(connection, Work, statement))


def long_ago(database: Database, work: Work, *times: str, seconds: float = 3_600.0) -> None:
    """Moves times of an item back, as if they had been written then."""
    moved = {name: after(-seconds) for name in times}
    with database.write() as connection:
        connection.execute(update(Work).where(col(Work.id) == work.id).values(**moved))


def just_before(work: Work) -> Any:
    assert work.heartbeat_at is not None
    return work.heartbeat_at - timedelta(milliseconds=1)


def hand_in(connection: Connection, call: ToolCall, said: str = "42", workspace: str = DEFAULT_WORKSPACE) -> Answered:
    content = [{"type": "text", "text": said}]
    return answers.hand_in(connection, workspace, call.session_id, call.id, content, is_error=False)
