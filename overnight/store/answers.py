"""What people and clients answer to tool calls: allow, deny, a result. Each takes the session first, as submitting.

An answer that is given again, because the first one's response was lost, is taken as that one: nothing is done twice.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from overnight import event_types
from overnight.errors import InvalidRequest
from overnight.models import ToolCall
from overnight.states import CallStatus, TaskStatus, WaitReason
from overnight.store import call_events, events, given, tasks, tool_calls, work
from overnight.store.events import Draft
from overnight.store.given import Said
from overnight.store.places import reserve
from overnight.store.submissions import Attention, call_attention
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
    connection: Connection,
    workspace_id: str,
    session_id: str,
    call_id: str,
    *,
    allow: bool,
    deny_message: str | None,
) -> Answered:
    """Lets a call run, or not.

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
    return _take(connection, move, said, attention, [] if allow else [call_events.result(call, denied)])


def provide(
    connection: Connection,
    workspace_id: str,
    session_id: str,
    call_id: str,
    content: Content,
    *,
    is_error: bool,
) -> Answered:
    """The result of a call that the client carries out, or the answer to a question.

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
    return _take(connection, Move(call, CallStatus.DONE, Outcome(content, is_error)), said, attention, [])


def hand_in(
    connection: Connection, workspace_id: str, session_id: str, call_id: str, content: Content, *, is_error: bool
) -> Answered:
    """The result of a call that a worker of the session's environment has carried out.

    Raises `NotFound`, `SessionClosed`, and `InvalidRequest` for another's call and for one that has its result.
    """
    payload = {"tool_use_id": call_id, "content": content, "is_error": is_error}
    said = Said(event_types.USER_TOOL_RESULT, "tool_use_id", payload)
    if (earlier := given.before(connection, workspace_id, session_id, said)) is not None:
        return _as_before(earlier)
    attention = call_attention(connection, workspace_id, session_id, count=0)
    call = _find(connection, session_id, said)
    if not call_events.is_for_environment(call):
        raise _refusal(said, _not_the_environments(call))
    if call.status == CallStatus.ASKED:
        raise _refusal(said, "must be allowed before it is carried out, with user.tool_confirmation")
    if call.status == CallStatus.DONE:
        return _again(connection, call, said, attention, "has ended, and takes no result any more")
    work.progressed(connection, session_id)
    return _take(connection, Move(call, CallStatus.DONE, Outcome(content, is_error)), said, attention, [])


def _take(connection: Connection, move: Move, said: Said, attention: Attention, told: list[Draft]) -> Answered:
    call = move.call
    if not tool_calls.make(connection, move):
        raise _refusal(said, f"takes no answer now, it is {call.status}")
    draft = Draft(said.type, said.payload, call.task_id)
    drafts = [draft, *told]
    place = reserve(connection, call.session_id, events=len(drafts))
    events.append(connection, call.workspace_id, call.session_id, place.event_seq, place.now, drafts)
    _take_up(connection, call, attention.now)
    return Answered(draft, call.task_id, attention.wake)


def _take_up(connection: Connection, call: ToolCall, at: datetime) -> None:
    """A task that waits is due now: its owner sees what the answer lets it do, and tells what is left."""
    task = tasks.get(connection, call.workspace_id, call.task_id)
    if task.status == TaskStatus.WAITING and task.wait_reason in ANSWERABLE:
        tasks.keep(connection, task, due_at=at)


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


def _not_the_environments(call: ToolCall) -> str:
    if call_events.is_for_client(call):
        return f"is a call of {call.name}: send its result as user.custom_tool_result"
    return f"is a call of {call.name}, which is carried out by Overnight's workers; leave it out"


def _not_the_clients(call: ToolCall) -> str:
    asked = call.status == CallStatus.ASKED
    if call_events.is_for_environment(call) and not asked:
        return f"is a call of {call.name}, which the environment carries out: send its result as user.tool_result"
    remedy = "allow or deny it with user.tool_confirmation" if asked else "leave it out"
    return f"is a call of {call.name}, which is not the client's to carry out; {remedy}"


def _refusal(said: Said, why: str) -> InvalidRequest:
    return InvalidRequest(f"{said.field}: {said.call_id} {why}", field=said.field)
