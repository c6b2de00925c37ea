"""Tasks that wait for somebody, and those who answer, for the store's tests."""

from typing import Any

from sqlalchemy import Connection

from overnight.models import DEFAULT_WORKSPACE, Task, ToolCall
from overnight.states import AskedBecause, CallStatus
from overnight.store import answers, tasks, tool_calls, tool_turns
from overnight.store.answers import Answered
from overnight.store.database import Database
from overnight.store.tool_calls import Move
from overnight.store.turn import Turn
from tests import asking
from tests.asking import Wish
from tests.store.scenes import NO_LIMITS, events, started, take


def asked(database: Database, *wishes: Wish) -> tuple[Turn, list[ToolCall]]:
    """A running task whose calls nobody has begun."""
    turn = started(database)
    with database.write() as connection:
        return asking.ask(connection, turn, wishes)


def at_work(database: Database, *wishes: Wish) -> tuple[Turn, list[ToolCall]]:
    """A running task whose owner is about to let go of it, to wait for somebody."""
    turn, calls = asked(database, *wishes)
    with database.write() as connection:
        turn = asking.begin(connection, turn, calls, wishes)
    return turn, [found(database, call) for call in calls]


def waiting(database: Database, *wishes: Wish) -> tuple[Task, list[ToolCall]]:
    """A task that waits for somebody, and its calls."""
    turn, calls = at_work(database, *wishes)
    let_go(database, turn)
    with database.read() as connection:
        return tasks.get(connection, DEFAULT_WORKSPACE, turn.task.id), calls


def let_go(database: Database, turn: Turn) -> None:
    with database.write() as connection:
        assert asking.let_go(connection, turn)


def taken_up(database: Database, task: Task) -> Turn:
    """The task in the hands of its next owner, as it stands."""
    lease = take(database, task.session_id)
    with database.read() as connection:
        return Turn(lease, tasks.get(connection, DEFAULT_WORKSPACE, task.id), None, NO_LIMITS)


def delivered(database: Database, turn: Turn) -> list[dict[str, Any]]:
    """The results of the step, which enter the ledger."""
    with database.write() as connection:
        settled = tool_turns.settle(connection, turn, ())
    assert settled is not None
    return settled[1][0][1]


def allow(connection: Connection, call: ToolCall, workspace: str = DEFAULT_WORKSPACE, **more: Any) -> Answered:
    return answers.confirm(connection, workspace, call.session_id, call.id, allow=True, deny_message=None, **more)


def deny(connection: Connection, call: ToolCall, message: str | None = None, **more: Any) -> Answered:
    return answers.confirm(
        connection, DEFAULT_WORKSPACE, call.session_id, call.id, allow=False, deny_message=message, **more
    )


def provide(connection: Connection, call: ToolCall, said: str = "42", **more: Any) -> Answered:
    content = [{"type": "text", "text": said}]
    return answers.provide(
        connection, DEFAULT_WORKSPACE, call.session_id, call.id, content, **{"is_error": False, **more}
    )


def found(database: Database, call: ToolCall) -> ToolCall:
    with database.read() as connection:
        row = tool_calls.find(connection, call.session_id, call.id)
    assert row is not None
    return row


def crashed(database: Database, turn: Turn, call: ToolCall) -> None:
    """The worker died in the middle of the call, whose policy is to ask."""
    with database.write() as connection:
        turn, _ = tool_turns.carry_out(connection, turn, [Move(call, CallStatus.RUNNING)], None)
        under_way = call.model_copy(update={"status": CallStatus.RUNNING})
        again = Move(under_way, CallStatus.ASKED, asked_because=AskedBecause.CRASH)
        turn, _ = tool_turns.carry_out(connection, turn, [again], None)
        assert asking.let_go(connection, turn)


def required(database: Database, session_id: str) -> list[list[str]]:
    """What each `session.status_idle` that requires an action names."""
    reasons = [event.payload["stop_reason"] for event in events(database, session_id) if "idle" in event.type]
    return [reason["event_ids"] for reason in reasons if reason["type"] == "requires_action"]
