"""The work of a session in an environment of its own: queued when calls await its workers, ended when none does.

Each verb here is part of a transaction that has taken the session's row, so a session has one live item at most and
none is forgotten: whoever makes a call awaited queues it, and whoever ends an item queues another for what is left.
"""

from typing import Any

from sqlalchemy import Connection, insert, literal, select, text, update
from sqlmodel import col

from overnight.environment_models import Work
from overnight.ids import WORK, new_id
from overnight.models import Session, Task, ToolCall
from overnight.states import LIVE, UNCLOSED, UNFINISHED, WORK_MOVES, CallStatus, WorkState, one_of, sources
from overnight.store.clock import after, now, read_clock
from overnight.store.rows import first
from overnight.tools.kinds import Kind

#: Seconds before a worker may have a session again whose last one brought nothing: doubled with each.
LONGEST_DELAY = 60

#: Written out, so that the database knows its index of live items by it.
IS_LIVE = text(one_of("work.state", LIVE))


def queue(
    connection: Connection, workspace_id: str, session_id: str, environment_id: str, *, attempts: int = 0
) -> bool:
    """Offers the session to its environment's workers; False where it is offered already, or one has it."""
    live = select(col(Work.id)).where(col(Work.session_id) == session_id, IS_LIVE)
    if connection.execute(live).first() is not None:
        return False
    at = read_clock(connection)
    row = {"id": new_id(WORK), "workspace_id": workspace_id, "session_id": session_id, "labels": {}, "ttl": 0}
    due = after(literal(float(min(2**attempts - 1, LONGEST_DELAY)))) if attempts else at
    offered = {"environment_id": environment_id, "state": WorkState.QUEUED, "attempts": attempts, "created_at": at}
    connection.execute(insert(Work).values(**row, **offered, due_at=due))
    return True


def wind_up(connection: Connection, session_id: str) -> None:
    """Nobody waits for its calls any more: what no worker has acknowledged ends, and any other worker is to stop."""
    live = (col(Work.session_id) == session_id, IS_LIVE)
    move(connection, WorkState.STOPPED, *live, col(Work.state) == WorkState.QUEUED, **ended())
    move(connection, WorkState.STOPPING, *live, **leaving())


def progressed(connection: Connection, session_id: str) -> None:
    """Its worker has brought a result: the next one need not wait."""
    here = (col(Work.session_id) == session_id, IS_LIVE, col(Work.attempts) > 0)
    connection.execute(update(Work).where(*here).values(attempts=0))


def queue_again(connection: Connection, ended_work: Work) -> None:
    """An item has ended: offers the session anew where calls are left that only a worker can end."""
    if _is_owed(connection, ended_work.session_id):
        queue(
            connection,
            ended_work.workspace_id,
            ended_work.session_id,
            ended_work.environment_id,
            attempts=ended_work.attempts + 1,
        )


def lock_session(connection: Connection, session_id: str) -> None:
    """Takes the session's row, as every verb here needs it."""
    connection.execute(select(col(Session.id)).where(col(Session.id) == session_id).with_for_update())


def move(connection: Connection, target: WorkState, *where: Any, or_stay: bool = False, **changes: Any) -> Work | None:
    """The only writer of `state`: one item, as it is now, when it was where `target` may be entered from.

    `or_stay`: or in `target` already.
    """
    legal = col(Work.state).in_([*sources(WORK_MOVES, target), *([target] if or_stay else [])])
    statement = update(Work).where(legal, *where).values(state=target, **changes).returning(Work)
    return first(connection, Work, statement)


def ended() -> dict[str, Any]:
    return {"stopped_at": now(), "expires_at": None}


def leaving() -> dict[str, Any]:
    """Asked to stop, a worker has its time once more."""
    return {"stop_requested_at": now(), "expires_at": after(col(Work.ttl))}


def _is_owed(connection: Connection, session_id: str) -> bool:
    unfinished = select(col(Task.id)).where(
        col(Task.session_id) == session_id, col(Task.status).in_(sorted(UNFINISHED))
    )
    statement = (
        select(col(ToolCall.id))
        .join(Session, col(Session.id) == col(ToolCall.session_id))
        .where(
            col(ToolCall.task_id).in_(unfinished),
            col(ToolCall.status) == CallStatus.AWAITED,
            col(ToolCall.kind) == Kind.ENVIRONMENT,
            col(Session.life).in_(UNCLOSED),
        )
        .limit(1)
    )
    return connection.execute(statement).first() is not None
