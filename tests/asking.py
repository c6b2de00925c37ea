"""Steps in which Claude asks for tools, written with the store's verbs as a worker writes them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from overnight.ids import EVENT, new_id
from overnight.models import ToolCall
from overnight.pricing import Tokens
from overnight.states import AskedBecause, CallStatus
from overnight.store import tool_calls, tool_turns, turns
from overnight.store.calls import Call
from overnight.store.tool_calls import Move, Outcome
from overnight.store.turn import Reply, Turn
from overnight.tools.kinds import Kind
from overnight.tools.own import Progress

MODEL = "claude-haiku-4-5"
QUESTION = {"question": "Which way?", "choices": ["left", "right"]}


@dataclass(frozen=True)
class Wish:
    """A call that Claude asks for. `asks`: a person must allow it. `due_at`: it waits for its time."""

    name: str
    kind: Kind
    input: dict[str, Any] = field(default_factory=lambda: {"x": 1})
    asks: bool = False
    due_at: datetime | None = None


CUSTOM = Wish("look_up", Kind.CUSTOM)
APPROVED = Wish("send_mail", Kind.PYTHON, asks=True)
HANDED_OUT = Wish("write", Kind.ENVIRONMENT)
GUARDED = Wish("bash", Kind.ENVIRONMENT, asks=True)
PLAIN = Wish("add", Kind.PYTHON)
ASK_HUMAN = Wish("ask_human", Kind.OVERNIGHT, QUESTION)


def ask(connection: Connection, turn: Turn, wishes: Sequence[Wish]) -> tuple[Turn, list[ToolCall]]:
    """Claude's reply with these calls is stored."""
    rows = [_row(turn, wish, place) for place, wish in enumerate(wishes)]
    blocks = [{"type": "tool_use", "id": row.tool_use_id, "name": row.name, "input": row.input} for row in rows]
    call = Call(MODEL, Tokens(input_tokens=10, output_tokens=5), duration_ms=5, message_id="msg_ask")
    turn = turns.go_on(connection, turn, Reply(blocks, "tool_use", "", call, new_id(EVENT)), rows)
    assert turn.task.ledger_end is not None
    return turn, tool_calls.of_step(connection, turn.lease.session_id, turn.task.ledger_end)


def begin(connection: Connection, turn: Turn, calls: Sequence[ToolCall], wishes: Sequence[Wish]) -> Turn:
    """What the client is to answer, or time, is awaited from now on."""
    awaited = {Kind.CUSTOM, Kind.OVERNIGHT, Kind.ENVIRONMENT}
    moves = [
        Move(call, CallStatus.AWAITED, due_at=wish.due_at)
        for call, wish in zip(calls, wishes, strict=True)
        if call.kind in awaited and call.status == CallStatus.REQUESTED
    ]
    return tool_turns.carry_out(connection, turn, moves, None)[0] if moves else turn


def let_go(connection: Connection, turn: Turn) -> bool:
    """Lets go to wait for somebody; False where there is something to do meanwhile."""
    return tool_turns.settle(connection, turn, ()) is None


def run(connection: Connection, turn: Turn, call: ToolCall, said: str = "done") -> None:
    """Runs a call: its intent, then its result."""
    tool_turns.carry_out(connection, turn, [Move(call, CallStatus.RUNNING)], None)
    running = call.model_copy(update={"status": CallStatus.RUNNING})
    tool_turns.finish(connection, turn, running, Outcome(said))


def report(connection: Connection, turn: Turn, progress: Progress) -> None:
    tool_turns.report(connection, turn, progress.note, progress.fraction)


def _row(turn: Turn, wish: Wish, place: int) -> ToolCall:
    return ToolCall(
        id=new_id(EVENT),
        workspace_id=turn.task.workspace_id,
        session_id=turn.task.session_id,
        task_id=turn.task.id,
        message_seq=0,
        place=place,
        tool_use_id=new_id("toolu"),
        name=wish.name,
        kind=wish.kind,
        input=wish.input,
        status=CallStatus.ASKED if wish.asks else CallStatus.REQUESTED,
        asked_because=AskedBecause.PERMISSION if wish.asks else None,
        created_at=turn.lease.now,
    )
