"""The events of tool calls, by who carries them out."""

from typing import Any

from overnight import event_types
from overnight.models import ToolCall
from overnight.states import CallStatus
from overnight.store.events import Draft
from overnight.store.tool_calls import Outcome
from overnight.tools.kinds import Kind
from overnight.tools.own import ASK_HUMAN


def is_question(call: ToolCall) -> bool:
    """To a person, by `ask_human`."""
    return call.kind == Kind.OVERNIGHT and call.name == ASK_HUMAN["name"]


def is_for_client(call: ToolCall) -> bool:
    """Answered by `user.custom_tool_result`: the client's own tools, and questions to a person."""
    return call.kind == Kind.CUSTOM or is_question(call)


def is_for_environment(call: ToolCall) -> bool:
    """Answered by `user.tool_result`, as the environment's workers send it."""
    return call.kind == Kind.ENVIRONMENT


def is_for_person(call: ToolCall) -> bool:
    """One that is not done goes on only when a person or the client answers."""
    return call.status == CallStatus.ASKED or is_for_client(call)


def is_for_somebody(call: ToolCall) -> bool:
    """One that is not done goes on only when somebody sends an event."""
    return is_for_person(call) or is_for_environment(call)


def use(call: ToolCall) -> Draft:
    """What Claude asks for: the event whose id is the call's."""
    said: dict[str, Any] = {"name": call.name, "input": call.input}
    if is_for_client(call):
        return Draft(event_types.AGENT_CUSTOM_TOOL_USE, said, call.task_id, call.id)
    said["evaluated_permission"] = "ask" if call.status == CallStatus.ASKED else "allow"
    if call.kind == Kind.MCP:
        server, _, said["name"] = call.name.partition("__")
        return Draft(event_types.AGENT_MCP_TOOL_USE, {"mcp_server_name": server, **said}, call.task_id, call.id)
    return Draft(event_types.AGENT_TOOL_USE, said, call.task_id, call.id)


def result(call: ToolCall, outcome: Outcome) -> Draft:
    """What came of it."""
    blocks = [{"type": "text", "text": outcome.content}] if isinstance(outcome.content, str) else outcome.content
    said = {"content": blocks, "is_error": outcome.is_error}
    if call.kind == Kind.MCP:
        return Draft(event_types.AGENT_MCP_TOOL_RESULT, {"mcp_tool_use_id": call.id, **said}, call.task_id)
    # The SDK's workers run what has no `user.tool_result`: so it is also told of those that nobody is to run any more.
    told = event_types.USER_TOOL_RESULT if is_for_environment(call) else event_types.AGENT_TOOL_RESULT
    return Draft(told, {"tool_use_id": call.id, **said}, call.task_id)
