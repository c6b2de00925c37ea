"""Sessions, tasks and owners for the store's tests, each step in a transaction of its own, as in life."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, select, text, update
from sqlmodel import col

from overnight import event_types
from overnight.expiry import Limits
from overnight.models import DEFAULT_WORKSPACE, Event, Message, ModelCall, Session, Task
from overnight.pricing import Tokens
from overnight.states import WaitReason
from overnight.store import leases, pauses, sessions, submissions, tasks, turns
from overnight.store.calls import Call
from overnight.store.clock import after, now
from overnight.store.database import Database
from overnight.store.events import Draft
from overnight.store.leases import Lease
from overnight.store.rows import every
from overnight.store.sessions import NewSession
from overnight.store.submissions import Accepted, NewTask
from overnight.store.turn import Pause, Reply, Turn

T = TypeVar("T")
U = TypeVar("U")

NO_LIMITS = Limits(idle_ttl=0, max_age=0, notice=0)
OVERLOADED = {"type": "overloaded_error", "status": 529, "message": "Overloaded"}
MODEL = "claude-sonnet-5-5"


def says(words: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": words}]


def new_session(database: Database, workspace: str = DEFAULT_WORKSPACE, **changes: Any) -> str:
    new = NewSession(model=MODEL, max_tokens=1_000, **changes)
    with database.write() as connection:
        sessions.create(connection, workspace, new, idle_check=0)
    return new.id


def submit(database: Database, session_id: str, words: str = "Go.", *, max_age: float = 0, **changes: Any) -> Accepted:
    with database.write() as connection:
        new = NewTask(says(words), **changes)
        return submissions.submit(connection, DEFAULT_WORKSPACE, session_id, new, max_age=max_age)


def take(database: Database, session_id: str, owner: str = "node#1", ttl: float = 30.0) -> Lease:
    lease = try_to_take(database, session_id, owner, ttl)
    assert lease is not None
    return lease


def try_to_take(database: Database, session_id: str, owner: str = "node#1", ttl: float = 30.0) -> Lease | None:
    with database.write() as connection:
        return leases.acquire(connection, session_id, owner, ttl)


def span() -> Draft:
    return Draft(event_types.REQUEST_START)


def begin(database: Database, lease: Lease, limits: Limits = NO_LIMITS) -> Turn:
    """Starts the step of the first task."""
    with database.write() as connection:
        task = tasks.head(connection, lease.session_id)
        assert task is not None
        return turns.begin(connection, lease, task, limits)


def started(database: Database, owner: str = "node#1", **changes: Any) -> Turn:
    """A new session whose only task is running."""
    session_id = new_session(database)
    submit(database, session_id, **changes)
    return begin(database, take(database, session_id, owner))


def call(
    tokens: Tokens = Tokens(10, 20, 30, 0, 40),  # noqa: B008
    model: str = MODEL,
    outcome: str = "kept",
    message_id: str = "msg_1",
) -> Call:
    return Call(model, tokens, duration_ms=5, message_id=message_id, outcome=outcome)


def reply(words: str = "Done.", paid: Call | None = None) -> Reply:
    return Reply(says(words), "end_turn", words, paid or call(), Draft(event_types.AGENT_MESSAGE).id)


def succeed(database: Database, turn: Turn, words: str = "Done.") -> Task | None:
    with database.write() as connection:
        return turns.succeed(connection, turn, reply(words))


def fail(database: Database, turn: Turn) -> Task | None:
    with database.write() as connection:
        return turns.fail(connection, turn, OVERLOADED, None)


def park(database: Database, turn: Turn, delay: float = 600.0, reason: WaitReason = WaitReason.RETRY) -> None:
    with database.write() as connection:
        pauses.park(connection, turn, Pause(reason, delay, OVERLOADED), None)


def rest(database: Database, lease: Lease, limits: Limits = NO_LIMITS) -> Task | None:
    with database.write() as connection:
        return pauses.rest(connection, lease, limits)


def work_off(database: Database, session_id: str, owner: str = "node#1") -> None:
    """Does all that is due in the session, as a slice would."""
    lease: Lease | None = take(database, session_id, owner)
    while lease is not None:
        turn = begin(database, lease)
        following = succeed(database, turn)
        lease = moved_on(lease) if following is not None else None


def moved_on(lease: Lease) -> Lease:
    """The owner's view after a turn that succeeded."""
    return Lease(**{name: getattr(lease, name) for name in lease.__slots__} | {"ledger_seq": lease.ledger_seq + 2})


def session(database: Database, session_id: str) -> Session:
    with database.read() as connection:
        return every(connection, Session, select(Session).where(col(Session.id) == session_id))[0]


def task(database: Database, task_id: str) -> Task:
    with database.read() as connection:
        return every(connection, Task, select(Task).where(col(Task.id) == task_id))[0]


def events(database: Database, session_id: str) -> list[Event]:
    with database.read() as connection:
        statement = select(Event).where(col(Event.session_id) == session_id).order_by(col(Event.seq))
        return list(every(connection, Event, statement))


def types(database: Database, session_id: str) -> list[str]:
    return [event.type for event in events(database, session_id)]


def ledger(database: Database, session_id: str) -> list[Message]:
    with database.read() as connection:
        statement = select(Message).where(col(Message.session_id) == session_id).order_by(col(Message.seq))
        return list(every(connection, Message, statement))


def calls(database: Database, session_id: str) -> list[ModelCall]:
    with database.read() as connection:
        return list(every(connection, ModelCall, select(ModelCall).where(col(ModelCall.session_id) == session_id)))


def clock(database: Database) -> datetime:
    with database.read() as connection:
        moment: datetime = connection.execute(select(now())).scalar_one()
        return moment


def change(database: Database, session_id: str, **seconds_from_now: float | None) -> None:
    """Moves times of a session, as if they had been written then."""
    moved = {name: None if seconds is None else after(seconds) for name, seconds in seconds_from_now.items()}
    with database.write() as connection:
        connection.execute(update(Session).where(col(Session.id) == session_id).values(**moved))


def meanwhile(
    database: Database,
    first: Callable[[Connection], T],
    second: Callable[[Connection], U],
    then: Callable[[Connection], object] = lambda _: None,
) -> tuple[T, U]:
    """Runs `second` in a transaction that waits for `first`'s, which goes on with `then` and commits only then.

    Gives what both gave.
    """
    with ThreadPoolExecutor(1) as pool:
        with database.write() as connection:
            one = first(connection)
            two = pool.submit(_write, database, second)
            _wait_for_a_waiting(database, two)
            then(connection)
        return one, two.result(timeout=30)


def _write(database: Database, act: Callable[[Connection], U]) -> U:
    with database.write() as connection:
        return act(connection)


def _wait_for_a_waiting(database: Database, other: Future[Any]) -> None:
    # On SQLite the other waits before its first statement, and there is nothing to see.
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    until(lambda: other.done() or database.is_sqlite or _scalar(database, waiting) > 0)


def _scalar(database: Database, statement: Any) -> Any:
    with database.read() as connection:
        return connection.execute(statement).scalar_one()


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.01)


def at_once(count: int, act: Callable[[int], T]) -> list[T]:
    """Runs `act(0)` … `act(count - 1)` in as many threads, all let loose at the same moment."""
    gate = threading.Barrier(count)

    def through_the_gate(place: int) -> T:
        gate.wait(timeout=30)
        return act(place)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(through_the_gate, range(count)))
