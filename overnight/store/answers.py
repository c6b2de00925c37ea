"""What people and clients answer to tool calls: allow, deny, a result. Each takes the session first, as submitting."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from overnight import event_types
from overnight.errors import InvalidRequest
from overnight.models import ToolCall
from overnight.states import CallStatus, TaskStatus, WaitReason
from overnight.store import call_events, events, tasks, tool_calls
from overnight.store.events import Draft
from overnight.store.submissions import call_attention
from overnight.store.tool_calls import Content, Move, Outcome

#: What a task waits for that an answer may end.
ANSWERABLE = frozenset({WaitReason.APPROVAL, WaitReason.TOOL_RESULT, WaitReason.TIMER, WaitReason.WORKER})


@dataclass(frozen=True, slots=True)
class Answered:
    """The event of the answer, its task, and whether to send a wake-up after the commit."""

    event: Draft
    task_id: str
    wake: bool


def confirm(
    connection: Connection, workspace_id: str, session_id: str, call_id: str, *, allow: bool, deny_message: str | None
) -> Answered:
    """Lets a call run, or not. Raises `NotFound`, `SessionClosed`, and `InvalidRequest` where nobody waits for it."""
    said: dict[str, Any] = {"tool_use_id": call_id, "result": "allow" if allow else "deny"}
    if deny_message:
        said["deny_message"] = deny_message
    denied = Outcome(f"The user denied this tool call{f': {deny_message}' if deny_message else '.'}", is_error=True)
    target, outcome = (CallStatus.ALLOWED, None) if allow else (CallStatus.DONE, denied)
    attention = call_attention(connection, workspace_id, session_id, count=1 if allow else 2)
    call = _find(connection, session_id, call_id, "tool_use_id")
    if not tool_calls.make(connection, Move(call, target, outcome)) or call.status != CallStatus.ASKED:
        raise InvalidRequest(
            f"tool_use_id: {call_id} does not wait for a confirmation, it is {call.status}", field="tool_use_id"
        )
    draft = Draft(event_types.USER_CONFIRMATION, said, call.task_id)
    told = [draft, *(call_events.result(call, outcome) if outcome else [])]
    events.append(connection, workspace_id, session_id, attention.event_seq, attention.now, told)
    _take_up(connection, workspace_id, call, attention.now)
    return Answered(draft, call.task_id, attention.wake)


def provide(
    connection: Connection, workspace_id: str, session_id: str, call_id: str, content: Content, *, is_error: bool
) -> Answered:
    """The result of a call that the client carries out, or the answer to a question.

    Raises `NotFound`, `SessionClosed`, and `InvalidRequest` for another's call and for one that has its result.
    """
    attention = call_attention(connection, workspace_id, session_id, count=1)
    call = _find(connection, session_id, call_id, "custom_tool_use_id")
    if not call_events.is_for_client(call):
        raise InvalidRequest(
            f"custom_tool_use_id: {call_id} is a call of {call.name}, which is not the client's to answer",
            field="custom_tool_use_id",
        )
    if not tool_calls.make(connection, Move(call, CallStatus.DONE, Outcome(content, is_error))):
        raise InvalidRequest(
            f"custom_tool_use_id: {call_id} takes no result, it is {call.status}", field="custom_tool_use_id"
        )
    said = {"custom_tool_use_id": call_id, "content": content, "is_error": is_error}
    draft = Draft(event_types.USER_CUSTOM_RESULT, said, call.task_id)
    events.append(connection, workspace_id, session_id, attention.event_seq, attention.now, [draft])
    _take_up(connection, workspace_id, call, attention.now)
    return Answered(draft, call.task_id, attention.wake)


def _find(connection: Connection, session_id: str, call_id: str, field: str) -> ToolCall:
    call = tool_calls.find(connection, session_id, call_id)
    if call is None:
        raise InvalidRequest(f"{field}: this session has no tool call {call_id}", field=field)
    return call


def _take_up(connection: Connection, workspace_id: str, call: ToolCall, at: datetime) -> None:
    """A task that waits is due now: its owner sees what the answer lets it do."""
    task = tasks.get(connection, workspace_id, call.task_id)
    if task.status == TaskStatus.WAITING and task.wait_reason in ANSWERABLE:
        tasks.keep(connection, task, due_at=at)
