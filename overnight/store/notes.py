"""What the system says beside the results of tool calls: kept with the task until the results are delivered."""

from typing import Any

from sqlalchemy import Connection, select
from sqlmodel import col

from overnight import event_types
from overnight.errors import InvalidRequest
from overnight.models import Event
from overnight.store import events, tasks
from overnight.store.answers import Answered
from overnight.store.events import Draft
from overnight.store.places import reserve
from overnight.store.rows import first

Content = list[dict[str, Any]]


def add(connection: Connection, workspace_id: str, session_id: str, answered: Answered, content: Content) -> Draft:
    """To the results of the step that `answered` is of. Given again with its answer, it is taken as said already.

    In the transaction of the answer. Raises `InvalidRequest` when the results have been delivered.
    """
    draft = Draft(event_types.SYSTEM_MESSAGE, {"content": content}, answered.task_id)
    earlier = _next_after(connection, session_id, answered)
    if earlier is not None and earlier.payload == draft.payload:
        return Draft(earlier.type, earlier.payload, earlier.task_id, earlier.id)
    place = reserve(connection, session_id, events=1)
    task = tasks.get(connection, workspace_id, answered.task_id)
    if not task.open_calls:
        why = "Claude has the results of these calls already; send it with the next user.message"
        raise InvalidRequest(f"type: {why}", field="type")
    tasks.keep(connection, task, result_note=[*(task.result_note or []), *content])
    events.append(connection, workspace_id, session_id, place.event_seq, place.now, [draft])
    return draft


def _next_after(connection: Connection, session_id: str, answered: Answered) -> Event | None:
    """The system message that follows the event of the answer."""
    here = col(Event.session_id) == session_id
    of_answer = select(col(Event.seq)).where(here, col(Event.id) == answered.event.id).scalar_subquery()
    alike = (col(Event.type) == event_types.SYSTEM_MESSAGE, col(Event.task_id) == answered.task_id)
    later = select(Event).where(here, *alike, col(Event.seq) > of_answer).order_by(col(Event.seq)).limit(1)
    return first(connection, Event, later)
