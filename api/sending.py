"""What sending events to a session does, in one transaction: messages, interrupts, and answers to tool calls."""

from functools import partial
from typing import Any

from sqlalchemy import Connection

from api.idempotent import Outcome
from api.reviving import submitted
from api.schemas_answers import CustomToolResult, ToolConfirmation, ToolResult
from api.schemas_sessions import EventsRequest, SystemMessage, UserInterrupt, UserMessage
from overnight.errors import InvalidRequest
from overnight.settings import Settings
from overnight.store import answers, notes, submissions
from overnight.store.answers import Answered
from overnight.store.events import Draft
from overnight.store.idempotency import Answer

ToolAnswer = ToolConfirmation | CustomToolResult | ToolResult


def events(
    connection: Connection, workspace_id: str, session_id: str, request: EventsRequest, settings: Settings
) -> Outcome:
    """All of them, in their order, or none."""
    _check_answers(request)
    note = _note(request)
    echoes: list[Draft] = []
    wakes, task_id = [], None
    for place, event in enumerate(request.events):
        match event:
            case UserMessage():
                new = event.new_task(note if place == len(request.events) - 2 else None)
                submit = partial(submissions.submit, connection, workspace_id, new=new, max_age=settings.max_age)
                accepted = submitted(connection, workspace_id, session_id, settings, submit)
                drafts, wake, task_id = accepted.events, accepted.wake, task_id or accepted.task.id
            case SystemMessage():
                continue  # said with what is before it
            case UserInterrupt():
                draft, wake = submissions.interrupt(connection, workspace_id, session_id)
                drafts = [draft]
            case _:
                answered = _answer(connection, workspace_id, session_id, event, place)
                drafts, wake, task_id = [answered.event], answered.wake, task_id or answered.task_id
                if note is not None and place == len(request.events) - 2:
                    drafts.append(_add(connection, workspace_id, session_id, answered, note, place + 1))
        echoes += drafts
        wakes.append(wake)
    stop = any(isinstance(event, UserInterrupt) for event in request.events)
    return Outcome(
        session_id, Answer(200, {"data": [_echo(draft) for draft in echoes]}), task_id, wake=any(wakes), stop=stop
    )


def _answer(connection: Connection, workspace_id: str, session_id: str, event: ToolAnswer, place: int) -> Answered:
    of_session = (connection, workspace_id, session_id)
    try:
        if isinstance(event, ToolConfirmation):
            allow = event.result == "allow"
            message = event.deny_message
            return answers.confirm(*of_session, event.tool_use_id, allow=allow, deny_message=message)
        is_error = bool(event.is_error)
        if isinstance(event, ToolResult):
            return answers.hand_in(*of_session, event.tool_use_id, event.blocks(), is_error=is_error)
        return answers.provide(*of_session, event.custom_tool_use_id, event.blocks(), is_error=is_error)
    except InvalidRequest as error:
        raise _in_its_place(error, place) from error


def _add(
    connection: Connection, workspace_id: str, session_id: str, answered: Answered, note: SystemMessage, place: int
) -> Draft:
    try:
        return notes.add(connection, workspace_id, session_id, answered, note.blocks())
    except InvalidRequest as error:
        raise _in_its_place(error, place) from error


def _note(request: EventsRequest) -> SystemMessage | None:
    """The request's system message. Raises `InvalidRequest` where it stands elsewhere."""
    *before, last = request.events
    for place, event in enumerate(before):
        if isinstance(event, SystemMessage):
            raise _misplaced(place)
    if not isinstance(last, SystemMessage):
        return None
    if not before or not isinstance(before[-1], UserMessage | CustomToolResult | ToolResult):
        raise _misplaced(len(before))
    return last


def _misplaced(place: int) -> InvalidRequest:
    where = f"events.{place}.type"
    rule = "a system.message is the last event of a request, right after the user.message or result that it goes with"
    return InvalidRequest(f"{where}: {rule}", field=where)


def _check_answers(request: EventsRequest) -> None:
    """Raises `InvalidRequest` where two events answer one call."""
    seen: set[str] = set()
    for place, event in enumerate(request.events):
        if not isinstance(event, ToolAnswer):
            continue
        field = "custom_tool_use_id" if isinstance(event, CustomToolResult) else "tool_use_id"
        if (call_id := getattr(event, field)) in seen:
            raise InvalidRequest(
                f"events.{place}.{field}: {call_id} has another answer in this request; answer each call once",
                field=f"events.{place}.{field}",
            )
        seen.add(call_id)


def _in_its_place(error: InvalidRequest, place: int) -> InvalidRequest:
    """With the whole path of the field, where the error names one."""
    if "field" not in error.details:
        return error
    return InvalidRequest(f"events.{place}.{error.message}", field=f"events.{place}.{error.details['field']}")


def _echo(draft: Draft) -> dict[str, Any]:
    return {"id": draft.id, "type": draft.type, "processed_at": None, **draft.payload, "task_id": draft.task_id}
