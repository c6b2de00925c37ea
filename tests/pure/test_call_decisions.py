"""What becomes of a tool call in each of its states, for each way in which somebody may answer it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from overnight.models import ToolCall
from overnight.states import CALL_MOVES, AskedBecause, CallStatus
from overnight.store.tool_calls import Move
from overnight.tools import Context, tool
from overnight.tools.kinds import Kind
from overnight.tools.own import DEFINITIONS
from worker.call_decisions import MOST_RUNS, decide
from worker.tools.toolbox import Entry, Toolbox

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@tool(on_crash="retry")
def again(n: int) -> int:
    """Is safe to repeat."""
    return n


@tool(on_crash="ask")
def asks(n: int, context: Context) -> int:
    """Lets a person decide."""
    return n


@tool
def tells(n: int) -> int:
    """Is never repeated."""
    return n


TOOLBOX = Toolbox(
    [
        *(Entry(each.name, Kind.PYTHON, each.definition, each) for each in (again, asks, tells)),
        *(Entry(name, Kind.OVERNIGHT, definition) for name, definition in DEFINITIONS.items()),
        Entry("clients", Kind.CUSTOM, {}),
        Entry("bash", Kind.ENVIRONMENT, {}),
        Entry("elsewhere", Kind.PYTHON, None),
        Entry("web_search", Kind.SERVER, {}),
    ]
)


def call(name: str, status: str = "requested", **more: Any) -> ToolCall:
    given = {"id": f"sevt_{name}", "name": name, "input": {}, "attempts": 0, "due_at": None, **more}
    return ToolCall(status=CallStatus(status), **given)


@pytest.mark.parametrize(
    ("name", "status", "target"),
    [
        ("again", "requested", "running"),
        ("tells", "allowed", "running"),
        ("clients", "requested", "awaited"),
        ("clients", "allowed", "awaited"),
        ("bash", "requested", "awaited"),
        ("bash", "allowed", "awaited"),
        ("again", "running", "running"),
        ("asks", "running", "asked"),
        ("tells", "running", "done"),
        ("gone", "requested", "done"),
        ("gone", "running", "done"),
        ("web_search", "requested", "done"),
    ],
)
def test_a_call_goes_on(name: str, status: str, target: str) -> None:
    move = only(decide([call(name, status)], TOOLBOX, NOW).moves)
    assert move.target == target
    assert move.target in CALL_MOVES[CallStatus(status)]
    assert (move.outcome is not None) == (target == "done")
    assert move.outcome is None or move.outcome.is_error


def test_a_person_is_asked_about_a_crash() -> None:
    assert only(decide([call("asks", "running")], TOOLBOX, NOW).moves).asked_because is AskedBecause.CRASH


@pytest.mark.parametrize("status", ["asked", "awaited", "done"])
def test_what_somebody_else_must_end_is_left_alone(status: str) -> None:
    found = decide([call("clients", status)], TOOLBOX, NOW)
    assert (found.moves, found.missing) == ([], set())


@pytest.mark.parametrize("status", ["requested", "allowed", "running"])
def test_what_another_worker_must_run_is_missing(status: str) -> None:
    found = decide([call("elsewhere", status), call("again")], TOOLBOX, NOW)
    assert found.missing == {"sevt_elsewhere"}
    assert only(found.moves).call.name == "again"


@pytest.mark.parametrize(("attempts", "target"), [(MOST_RUNS - 1, "running"), (MOST_RUNS, "done")])
def test_a_call_that_takes_its_workers_down_is_not_repeated_for_ever(attempts: int, target: str) -> None:
    assert only(decide([call("again", "running", attempts=attempts)], TOOLBOX, NOW).moves).target == target


@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=3)])
def test_a_wait_ends_at_its_time(late: timedelta) -> None:
    move = only(decide([call("wait", "awaited", due_at=NOW - late)], TOOLBOX, NOW).moves)
    assert move.target == "done"
    assert move.outcome is not None
    assert move.outcome.content == "It is 2026-11-21T12:00:00+00:00 now."
    assert decide([call("wait", "awaited", due_at=NOW + timedelta(seconds=1))], TOOLBOX, NOW).moves == []


def test_own_tools() -> None:
    given = [
        call("wait", input={"seconds": 60}),
        call("ask_human", input={"question": "Which way?"}),
        call("report_progress", input={"note": "half", "fraction": 0.5}),
    ]
    found = decide(given, TOOLBOX, NOW)
    assert [move.target for move in found.moves] == ["awaited", "awaited", "done"]
    assert [move.due_at for move in found.moves] == [NOW + timedelta(seconds=60), None, None]
    assert found.progress is not None
    assert (found.progress.note, found.progress.fraction) == ("half", 0.5)


@pytest.mark.parametrize("name", ["wait", "ask_human", "report_progress"])
def test_own_tools_say_what_is_wrong_with_their_input(name: str) -> None:
    move = only(decide([call(name, input={"seconds": "soon", "fraction": 7})], TOOLBOX, NOW).moves)
    assert move.outcome is not None
    assert move.outcome.is_error
    assert str(move.outcome.content).startswith(f"invalid input for {name}: ")


def only(moves: list[Move]) -> Move:
    (move,) = moves
    return move
