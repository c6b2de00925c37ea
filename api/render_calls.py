"""Tool calls that wait for somebody, as the JSON that callers see."""

from typing import Any

from overnight.models import ToolCall
from overnight.states import CallStatus
from overnight.store.call_events import is_question
from overnight.tools.errors import BadInput
from overnight.tools.own import read_question

CONFIRMATION = "tool_confirmation"
RESULT = "custom_tool_result"


def pending(call: ToolCall) -> dict[str, Any]:
    asked = call.status == CallStatus.ASKED
    shown = {"id": call.id, "type": CONFIRMATION if asked else RESULT, "name": call.name, "input": call.input}
    if asked:
        return {**shown, "because": call.asked_because}
    if is_question(call):
        return {**shown, **_question(call)}
    return shown


def _question(call: ToolCall) -> dict[str, Any]:
    try:
        asked = read_question(call.input)
    except BadInput:  # of which Claude is told as soon as a worker takes the call up
        return {}
    return {"question": asked.question, "choices": list(asked.choices)}
