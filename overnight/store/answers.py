"""What people and clients answer to tool calls: allow, deny, a result. Each takes the session first, as submitting.

An answer that is given again, because the first one's response was lost, is taken as that one: nothing is done twice.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from overnight import event_types
from overnight.errors import InvalidRequest
from overnight.models import Task, ToolCall
from overnight.states import CallStatus, TaskStatus, WaitReason
from overnight.store import call_events, events, given, tasks, tool_calls, turn_events
from overnight.store.events import Draft
from overnight.store.given import Said
from overnight.store.places import reserve
from overnight.store.submissions import Attention, call_attention
from overnight.store.tool_calls import Content, Move, Outcome
from overnight.store.tool_turns import RUNNABLE

#: What a task waits for that an answer may end; with the first two it waits for somebody.
FOR_SOMEBODY = frozenset({WaitReason.APPROVAL, WaitReason.TOOL_RESULT})
ANSWERABLE = FOR_SOMEBODY | {WaitReason.TIMER, WaitReason.WORKER}


@dataclass(frozen=True, slots=True)
class Answered:
    """The event of the answer, its task, and whether to send a wake-up after the commit."""

    event: Draft
    task_id: str
    wake: bool


def confirm(
    connection: Connection,
    workspace_id: str,
    session_id: str,
    call_id: str,
    *,
    allow: bool,
    deny_message: str | None,
    more: bool = False,
) -> Answered:
    """Lets a call run, or not; `more`: other answers follow in this transaction.

    Raises `NotFound`, `SessionClosed`, and `InvalidRequest` where nobody waits for it.
    """
    payload = {"tool_use_id": call_id, "result": "allow" if allow else "deny"}
    if deny_message:
        payload["deny_message"] = deny_message
    said = Said(event_types.USER_CONFIRMATION, "tool_use_id", payload)
    if (earlier := given.before(connection, workspace_id, session_id, said)) is not None:
        return _as_before(earlier)
    attention = call_attention(connection, workspace_id, session_id, count=0)
    call = _find(connection, session_id, said)
    if call.status != CallStatus.ASKED:
        return _again(connection, call, said, attention, _not_asked(call))
    denied = Outcome(f"The user denied this tool call{f': {deny_message}' if deny_message else '.'}", is_error=True)
    move = Move(call, CallStatus.ALLOWED) if allow else Move(call, CallStatus.DONE, denied)
    return _take(connection, move, said, attention, [] if allow else call_events.result(call, denied), more)


def provide(
    connection: Connection,
    workspace_id: str,
    session_id: str,
    call_id: str,
    content: Content,
    *,
    is_error: bool,
    more: bool = False,
) -> Answered:
    """The result of a call that the client carries out, or the answer to a question; `more` as for `confirm`.

    Raises `NotFound`, `SessionClosed`, and `InvalidRequest` for another's call and for one that has its result.
    """
    payload = {"custom_tool_use_id": call_id, "content": content, "is_error": is_error}
    said = Said(event_types.USER_CUSTOM_RESULT, "custom_tool_use_id", payload)
    if (earlier := given.before(connection, workspace_id, session_id, said)) is not None:
        return _as_before(earlier)
    attention = call_attention(connection, workspace_id, session_id, count=0)
    call = _find(connection, session_id, said)
    if not call_events.is_for_client(call):
        raise _refusal(said, _not_the_clients(call))
    if call.status == CallStatus.DONE:
        return _again(connection, call, said, attention, "has ended, and takes no result any more")
    return _take(connection, Move(call, CallStatus.DONE, Outcome(content, is_error)), said, attention, [], more)


def _take(
    connection: Connection, move: Move, said: Said, attention: Attention, told: list[Draft], more: bool
) -> Answered:
    call = move.call
    if not tool_calls.make(connection, move):
        raise _refusal(said, f"takes no answer now, it is {call.status}")
    draft = Draft(said.type, said.payload, call.task_id)
    drafts = [draft, *told, *_follow_up(connection, call, attention.now, more)]
    place = reserve(connection, call.session_id, events=len(drafts))
    events.append(connection, call.workspace_id, call.session_id, place.event_seq, place.now, drafts)
    return Answered(draft, call.task_id, attention.wake)


def _follow_up(connection: Connection, call: ToolCall, at: datetime, more: bool) -> list[Draft]:
    """A task that waits is due now, unless all that is left is for others to answer: then the session says so."""
    task = tasks.get(connection, call.workspace_id, call.task_id)
    if task.status != TaskStatus.WAITING or task.wait_reason not in ANSWERABLE:
        return []
    left = [one for one in tool_calls.of_step(connection, call.session_id, call.message_seq) if not one.finished_at]
    asked = [one for one in left if call_events.is_for_somebody(one)]
    if not asked or task.wait_reason not in FOR_SOMEBODY or any(one.status in RUNNABLE for one in left):
        tasks.keep(connection, task, due_at=at)
        return []
    return _goes_on_waiting(connection, task, asked, more)


def _goes_on_waiting(connection: Connection, task: Task, asked: list[ToolCall], more: bool) -> list[Draft]:
    approval = any(one.status == CallStatus.ASKED for one in asked)
    tasks.keep(connection, task, wait_reason=WaitReason.APPROVAL if approval else WaitReason.TOOL_RESULT)
    return [] if more else [turn_events.requires_action(task, [one.id for one in asked])]


def _again(connection: Connection, call: ToolCall, said: Said, attention: Attention, why: str) -> Answered:
    """The same answer was quicker by a moment; any other is refused."""
    earlier = given.last(connection, call, said)
    if earlier is None:
        raise _refusal(said, why)
    if earlier.payload != said.payload:
        raise _refusal(said, "has its answer already, which cannot be changed")
    return Answered(earlier, call.task_id, attention.wake)


def _as_before(earlier: Draft) -> Answered:
    assert earlier.task_id is not None
    return Answered(earlier, earlier.task_id, wake=False)


def _find(connection: Connection, session_id: str, said: Said) -> ToolCall:
    call = tool_calls.find(connection, session_id, said.call_id)
    if call is None:
        raise InvalidRequest(
            f"{said.field}: this session has no tool call {said.call_id}; send the id of the event that asks for it",
            field=said.field,
        )
    return call


def _not_asked(call: ToolCall) -> str:
    if call_events.is_for_client(call) and call.status != CallStatus.DONE:
        return f"is a call of {call.name}, which needs no confirmation: send its result as user.custom_tool_result"
    state = "has ended" if call.status == CallStatus.DONE else f"is {call.status}"
    return f"{state}, and does not wait for a confirmation"


def _not_the_clients(call: ToolCall) -> str:
    asked = call.status == CallStatus.ASKED
    remedy = "allow or deny it with user.tool_confirmation" if asked else "leave it out"
    return f"is a call of {call.name}, which is not the client's to carry out; {remedy}"


def _refusal(said: Said, why: str) -> InvalidRequest:
    return InvalidRequest(f"{said.field}: {said.call_id} {why}", field=said.field)
