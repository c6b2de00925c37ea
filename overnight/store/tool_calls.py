"""The tool calls of a step: what Claude asked for, how far each is, and what came of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, select, text, update
from sqlmodel import col

from overnight import tool_results
from overnight.models import ToolCall
from overnight.states import CALL_MOVES, AskedBecause, CallStatus, one_of, sources
from overnight.store.bulk import insert_rows
from overnight.store.clock import now
from overnight.store.prepared import Prepared
from overnight.tools.kinds import Kind

#: Text, or content blocks.
Content = str | list[dict[str, Any]]

OF_STEP = Prepared(
    select(ToolCall)
    .where(col(ToolCall.session_id) == bindparam("session_id"), col(ToolCall.message_seq) == bindparam("message_seq"))
    .order_by(col(ToolCall.place))
)
FIND = Prepared(
    select(ToolCall).where(
        col(ToolCall.id) == bindparam("call_id"), col(ToolCall.session_id) == bindparam("session_id")
    )
)

NOT_RUN = "This tool was not run: {why}."
HANDED_OUT = "This tool was with a worker of the environment when {why}. Whether it had its effect is not known."
UNCERTAIN = "This tool was running when {why}. Whether it had its effect is not known."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to, as the `tool_result` block tells Claude."""

    content: Content
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """What becomes of one call: `outcome` for one that is done, `due_at` for one that waits for its time."""

    call: ToolCall
    target: CallStatus
    outcome: Outcome | None = None
    asked_because: AskedBecause | None = None
    due_at: datetime | None = None


def insert(connection: Connection, at: datetime, calls: Sequence[ToolCall]) -> None:
    insert_rows(connection, ToolCall, [{**call.model_dump(), "created_at": at} for call in calls])


def of_step(connection: Connection, session_id: str, message_seq: int) -> list[ToolCall]:
    """All calls of one message, in the order in which Claude asked."""
    rows = OF_STEP.every(connection, {"session_id": session_id, "message_seq": message_seq})
    return [ToolCall.model_construct(**row._asdict()) for row in rows]


def find(connection: Connection, session_id: str, call_id: str) -> ToolCall | None:
    row = FIND.first(connection, {"session_id": session_id, "call_id": call_id})
    return ToolCall.model_construct(**row._asdict()) if row else None


def make(connection: Connection, move: Move) -> bool:
    """The only writer of a call's `status`: True when the call still was as `move.call` says it is."""
    values = {
        "call_id": move.call.id,
        "seen": move.call.status,
        "asked": move.asked_because,
        "due": move.due_at,
        "result": move.outcome.content if move.outcome else None,
        "failed": bool(move.outcome and move.outcome.is_error),
    }
    return _statement(move.target).run(connection, values) == 1


def abandoned(call: ToolCall, why: str) -> Outcome:
    """The result of a call that nobody will finish, as `why` says."""
    if call.kind == Kind.ENVIRONMENT and call.status != CallStatus.ASKED:
        said = HANDED_OUT
    else:
        said = UNCERTAIN if call.status == CallStatus.RUNNING else NOT_RUN
    return Outcome(said.format(why=why), is_error=True)


def results(calls: Collection[ToolCall]) -> list[dict[str, Any]]:
    """The content of the user message that answers the step: one `tool_result` a call, in the order of the calls."""
    return [tool_results.result(call.tool_use_id, call.content, is_error=call.is_error) for call in calls]


@lru_cache
def _statement(target: CallStatus) -> Prepared:
    legal: list[CallStatus] = sources(CALL_MOVES, target)
    is_legal = text(one_of("tool_calls.status", legal))
    here = (col(ToolCall.id) == bindparam("call_id"), col(ToolCall.status) == bindparam("seen"), is_legal)
    return Prepared(
        update(ToolCall)
        .where(*here)
        .values(
            status=target,
            asked_because=bindparam("asked"),
            due_at=bindparam("due"),
            attempts=ToolCall.attempts + 1 if target is CallStatus.RUNNING else ToolCall.attempts,
            content=bindparam("result"),
            is_error=bindparam("failed"),
            started_at=now() if target is CallStatus.RUNNING else ToolCall.started_at,
            finished_at=now() if target is CallStatus.DONE else None,
        )
    )
