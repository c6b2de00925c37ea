"""The results of a step's tool calls, as the one message that answers it in the ledger."""

from collections.abc import Sequence

from sqlalchemy import Connection

from overnight.models import Task, ToolCall
from overnight.store import ledger, tool_calls
from overnight.store.places import Place
from overnight.store.turn import keep


def deliver(connection: Connection, task: Task, calls: Sequence[ToolCall], place: Place) -> Task:
    """Writes the message at `place`, which the session's row has just reserved; gives the task as it is then.

    `calls` are all of the step, and all done. Raises `LeaseLost` when the task is no longer as `task` says.
    """
    message = {"task_id": task.id, "role": "user", "content": tool_calls.results(calls)}
    ledger.append(connection, task.workspace_id, task.session_id, place.ledger_seq, place.now, [message])
    return keep(connection, task, open_calls=0, ledger_end=place.ledger_seq)
