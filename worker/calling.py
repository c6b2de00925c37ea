"""The calls that a reply of Claude's asks for, as rows to be."""

from typing import Any

from overnight.ids import EVENT, new_id
from overnight.models import ToolCall
from overnight.states import AskedBecause, CallStatus
from overnight.store.turn import Turn
from worker.equipment import Equipment


def asked_for(content: list[dict[str, Any]], turn: Turn, equipment: Equipment) -> list[ToolCall]:
    """In Claude's order. Those that a person must allow are `asked` from the start."""
    blocks = [block for block in content if block["type"] == "tool_use"]
    return [_call(place, block, turn, equipment) for place, block in enumerate(blocks)]


def _call(place: int, block: dict[str, Any], turn: Turn, equipment: Equipment) -> ToolCall:
    call = ToolCall.model_construct(
        id=new_id(EVENT),
        workspace_id=turn.task.workspace_id,
        session_id=turn.task.session_id,
        task_id=turn.task.id,
        message_seq=0,  # known when it is written
        place=place,
        tool_use_id=block["id"],
        name=block["name"],
        kind=equipment.toolbox.kind(block["name"]),
        input=block["input"],
        status=CallStatus.REQUESTED,
        created_at=turn.lease.now,
    )
    if _must_be_allowed(call, equipment):
        return call.model_copy(update={"status": CallStatus.ASKED, "asked_because": AskedBecause.PERMISSION})
    return call


def _must_be_allowed(call: ToolCall, equipment: Equipment) -> bool:
    tool = equipment.tool(call)
    if tool is None or not isinstance(call.input, dict):
        return equipment.toolbox.always_asks(call.name)
    return tool.asks(call.input, equipment.context(call.task_id, call.id))
