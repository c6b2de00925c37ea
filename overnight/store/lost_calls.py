"""What was paid for a session that its owner has lost: somebody closed or deleted it, or another was quicker."""

from dataclasses import replace

from sqlalchemy import Connection, select, update
from sqlmodel import col

from overnight.models import ModelCall, Session, Task
from overnight.store import calls
from overnight.store.calls import Call
from overnight.store.clock import read_clock
from overnight.store.leases import Lease
from overnight.store.rows import first


def charge(connection: Connection, lease: Lease, task_id: str | None, call: Call) -> None:
    """The reply came too late and is dropped; what it has cost is kept, also when nothing else is.

    Nothing is done where it is in the ledger already, and only the answer of its commit was lost.
    """
    session = first(connection, Session, select(Session).where(col(Session.id) == lease.session_id).with_for_update())
    if _is_known(connection, lease, call):
        return
    task = None if call.purpose == "summary" else _task(connection, task_id)
    if task is not None and task.agent_id is not None:
        lease = replace(lease, agent_id=task.agent_id)
    calls.record(connection, lease, read_clock(connection), task, replace(call, outcome="discarded"))
    if session is not None:
        sums = calls.summed(session, call)
        connection.execute(update(Session).where(col(Session.id) == session.id).values(**sums))
    if task is not None:
        calls.add_up(connection, task, call)


def _is_known(connection: Connection, lease: Lease, call: Call) -> bool:
    if call.message_id is None:
        return False
    mine = (col(ModelCall.session_id) == lease.session_id, col(ModelCall.message_id) == call.message_id)
    return connection.execute(select(col(ModelCall.id)).where(*mine).limit(1)).first() is not None


def _task(connection: Connection, task_id: str | None) -> Task | None:
    return first(connection, Task, select(Task).where(col(Task.id) == task_id)) if task_id else None
