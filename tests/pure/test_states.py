from enum import StrEnum
from itertools import product

import pytest

from overnight.environment_models import Work
from overnight.models import Session, Task, ToolCall
from overnight.states import (
    CALL_MOVES,
    FINAL,
    LIFE_MOVES,
    TASK_MOVES,
    UNFINISHED,
    WORK_MOVES,
    ArchiveReason,
    AskedBecause,
    CallStatus,
    Life,
    StopRequest,
    TaskStatus,
    WaitReason,
    WorkState,
    diagram,
    one_of,
    sources,
)

# Written out by hand from DESIGN 5: what the code derives from its table is compared with this.
TASK_EDGES = {
    ("queued", "running"),
    ("queued", "cancelled"),
    ("running", "waiting"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("waiting", "running"),
    ("waiting", "cancelled"),
    ("failed", "queued"),
}
LIFE_EDGES = {
    ("active", "paused"),
    ("active", "archived"),
    ("active", "deleted"),
    ("paused", "active"),
    ("paused", "archived"),
    ("paused", "deleted"),
    ("archived", "active"),
    ("archived", "deleted"),
}


CALL_EDGES = {
    ("requested", "running"),
    ("requested", "awaited"),
    ("requested", "done"),
    ("asked", "allowed"),
    ("asked", "done"),
    ("allowed", "running"),
    ("allowed", "awaited"),
    ("allowed", "done"),
    ("awaited", "done"),
    ("running", "running"),  # run again, as its tool allows
    ("running", "asked"),
    ("running", "done"),
}
WORK_EDGES = {
    ("queued", "starting"),
    ("queued", "stopped"),
    ("starting", "active"),
    ("starting", "queued"),  # its worker fell silent
    ("starting", "stopping"),
    ("starting", "stopped"),
    ("active", "queued"),
    ("active", "stopping"),
    ("active", "stopped"),
    ("stopping", "stopped"),
}


@pytest.mark.parametrize(("before", "after"), list(product(TaskStatus, TaskStatus)))
def test_a_task_moves_as_the_table_says(before: TaskStatus, after: TaskStatus) -> None:
    assert (before in sources(TASK_MOVES, after)) == ((before, after) in TASK_EDGES)


@pytest.mark.parametrize(("before", "after"), list(product(Life, Life)))
def test_a_session_moves_as_the_table_says(before: Life, after: Life) -> None:
    assert (before in sources(LIFE_MOVES, after)) == ((before, after) in LIFE_EDGES)


@pytest.mark.parametrize(("before", "after"), list(product(CallStatus, CallStatus)))
def test_a_call_moves_as_the_table_says(before: CallStatus, after: CallStatus) -> None:
    assert (before in sources(CALL_MOVES, after)) == ((before, after) in CALL_EDGES)


@pytest.mark.parametrize(("before", "after"), list(product(WorkState, WorkState)))
def test_work_moves_as_the_table_says(before: WorkState, after: WorkState) -> None:
    assert (before in sources(WORK_MOVES, after)) == ((before, after) in WORK_EDGES)


def test_every_state_has_its_moves() -> None:
    assert set(WORK_MOVES) == set(WorkState)
    assert set(CALL_MOVES) == set(CallStatus)
    assert set(TASK_MOVES) == set(TaskStatus)
    assert set(LIFE_MOVES) == set(Life)


def test_final_states_are_those_that_end_a_task() -> None:
    assert {"succeeded", "failed", "cancelled"} == FINAL
    assert {"queued", "running", "waiting"} == UNFINISHED


@pytest.mark.parametrize(
    ("states", "edges"),
    [
        (diagram(TASK_MOVES), TASK_EDGES),
        (diagram(LIFE_MOVES), LIFE_EDGES),
        (diagram(CALL_MOVES), CALL_EDGES),
        (diagram(WORK_MOVES), WORK_EDGES),
    ],
    ids=["task", "life", "call", "work"],
)
def test_the_diagram_draws_exactly_the_moves(states: str, edges: set[tuple[str, str]]) -> None:
    head, *lines = states.splitlines()
    assert head == "stateDiagram-v2"
    assert sorted(line.strip() for line in lines) == sorted(f"{before} --> {after}" for before, after in edges)


def test_a_check_names_every_value_once() -> None:
    assert one_of("life", Life) == "life IN ('active', 'paused', 'archived', 'deleted')"
    assert one_of("status", sorted(FINAL)) == "status IN ('cancelled', 'failed', 'succeeded')"


@pytest.mark.parametrize(
    ("table", "name", "states"),
    [
        (Task, "task_status", TaskStatus),
        (Task, "task_reason", WaitReason),
        (Task, "task_stop", StopRequest),
        (ToolCall, "call_status", CallStatus),
        (ToolCall, "call_asked", AskedBecause),
        (Work, "work_state", WorkState),
        (Session, "session_life", Life),
        (Session, "session_reason", ArchiveReason),
    ],
)
def test_the_tables_check_what_the_states_say(table: type, name: str, states: type[StrEnum]) -> None:
    check = next(constraint for constraint in table.__table__.constraints if constraint.name == name)  # type: ignore[attr-defined]
    listed = str(check.sqltext).split(" IN ")[1]
    assert listed == f"({', '.join(repr(str(state)) for state in states)})"
