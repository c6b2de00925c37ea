"""Tool calls that nobody will finish: they get results that say so, and the ledger stays one that Claude accepts."""

from sqlalchemy import Connection

from overnight.models import Task
from overnight.states import CallStatus
from overnight.store import call_events, events, tool_calls, work
from overnight.store.delivery import deliver
from overnight.store.places import reserve
from overnight.store.tool_calls import Move
from overnight.tools.kinds import Kind


def open_calls(connection: Connection, task: Task, why: str) -> Task:
    """Ends the calls of the step at hand, as `why` says, and answers the step in the ledger; gives the task as it is.

    In a transaction that has taken the session's row.
    """
    if not task.open_calls or task.ledger_end is None:
        return task
    asked = tool_calls.of_step(connection, task.session_id, task.ledger_end)
    ended = [(call, tool_calls.abandoned(call, why)) for call in asked if call.status != CallStatus.DONE]
    for call, outcome in ended:
        tool_calls.make(connection, Move(call, CallStatus.DONE, outcome))
    if any(call.kind == Kind.ENVIRONMENT for call, _ in ended):
        work.wind_up(connection, task.session_id)
    drafts = [call_events.result(call, outcome) for call, outcome in ended]
    place = reserve(connection, task.session_id, events=len(drafts))
    events.append(connection, task.workspace_id, task.session_id, place.event_seq, place.now, drafts)
    answered = tool_calls.of_step(connection, task.session_id, task.ledger_end)
    return deliver(connection, task, answered)[0]
