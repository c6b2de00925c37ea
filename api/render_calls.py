"""Tool calls that wait for somebody, as the JSON that callers see."""

from typing import Any

from overnight.models import ToolCall
from overnight.states import CallStatus
from overnight.tools.kinds import Kind
from overnight.tools.own import ASK_HUMAN

CONFIRMATION = "tool_confirmation"
RESULT = "custom_tool_result"


def pending(call: ToolCall) -> dict[str, Any]:
    asked = call.status == CallStatus.ASKED
    shown = {"id": call.id, "type": CONFIRMATION if asked else RESULT, "name": call.name, "input": call.input}
    if asked:
        return {**shown, "because": call.asked_because}
    if call.kind == Kind.OVERNIGHT and call.name == ASK_HUMAN["name"]:
        return {**shown, "question": call.input["question"], "choices": call.input.get("choices") or []}
    return shown
