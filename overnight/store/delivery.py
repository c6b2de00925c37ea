"""What answers a step of tool calls in the ledger: their results as one message, and the system's note beside them."""

from collections.abc import Sequence

from sqlalchemy import Connection, select
from sqlmodel import col

from overnight.models import Task, ToolCall
from overnight.store import call_events, ledger, tool_calls
from overnight.store.places import Place, reserve
from overnight.store.turn import Said, keep


def deliver(connection: Connection, task: Task, calls: Sequence[ToolCall]) -> tuple[Task, Place, list[Said]]:
    """Writes it, in a transaction that has taken the session's row; gives the task as it is then, and what was written.

    `calls` are all of the step, and all done. Raises `LeaseLost` when the task is no longer as `task` says.
    """
    said: list[Said] = [("user", tool_calls.results(calls)), *_note(connection, calls)]
    place = reserve(connection, task.session_id, messages=len(said))
    rows = [{**ledger.by(task), "role": role, "content": content} for role, content in said]
    ledger.append(connection, task.workspace_id, task.session_id, place.ledger_seq, place.now, rows)
    return keep(connection, task, open_calls=0, ledger_end=place.ledger_seq, result_note=None), place, said


def _note(connection: Connection, calls: Sequence[ToolCall]) -> list[Said]:
    """What the system says beside results of others; nobody can have said it beside ours."""
    others = [call for call in calls if call_events.is_for_client(call) or call_events.is_for_environment(call)]
    if not others:
        return []
    note = connection.execute(select(col(Task.result_note)).where(col(Task.id) == others[0].task_id)).scalar_one()
    return [("system", note)] if note else []
