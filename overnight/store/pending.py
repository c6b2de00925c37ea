"""What tasks wait for that somebody must answer: approvals, results of the client's tools, questions."""

from collections.abc import Sequence

from sqlalchemy import Connection, select
from sqlmodel import col

from overnight.models import Task, ToolCall
from overnight.states import FINAL, CallStatus
from overnight.store import call_events
from overnight.store.rows import every


def calls(connection: Connection, of: Sequence[Task]) -> dict[str, list[ToolCall]]:
    """Task id → its calls that wait for somebody, in Claude's order. Without a task amid a step, no query.

    Of a running task, too: a call may be allowed while the one beside it takes its hour.
    """
    waiting = [task.id for task in of if task.status not in FINAL and task.open_calls]
    if not waiting:
        return {}
    statement = (
        select(ToolCall)
        .where(col(ToolCall.task_id).in_(waiting), col(ToolCall.status) != CallStatus.DONE)
        .order_by(col(ToolCall.message_seq), col(ToolCall.place))
    )
    found: dict[str, list[ToolCall]] = {task_id: [] for task_id in waiting}
    for call in every(connection, ToolCall, statement):
        if call_events.is_for_person(call):
            found[call.task_id].append(call)
    return found
