"""The states of tasks and sessions and their legal moves. Guards, CHECK constraints and diagrams derive from here."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar


class TaskStatus(StrEnum):
    QUEUED = "queued"  # ends when a worker that owns the session begins it, or it is cancelled
    RUNNING = "running"  # ends with its outcome; survives the death of its worker
    WAITING = "waiting"  # ends when its due time passes or somebody answers
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # may be queued again by a retry
    CANCELLED = "cancelled"


class Priority(StrEnum):
    """Who goes first when Claude's limits are near."""

    INTERACTIVE = "interactive"
    BACKGROUND = "background"


class WaitReason(StrEnum):
    RETRY = "retry"
    RATE_LIMIT = "rate_limit"
    APPROVAL = "approval"
    TOOL_RESULT = "tool_result"
    WORKER = "worker"  # none that has come by so far serves a tool it needs
    BATCH = "batch"
    TIMER = "timer"
    BUDGET = "budget"
    PAUSED = "paused"
    SCHEDULED = "scheduled"


class CallStatus(StrEnum):
    """How far a tool call is that Claude asked for."""

    REQUESTED = "requested"  # ends when its worker commits the intent to run it
    ASKED = "asked"  # ends when a person allows or denies it
    ALLOWED = "allowed"  # by a person; ends like a requested one
    AWAITED = "awaited"  # ends when its time comes, or the client or a person sends the result
    RUNNING = "running"  # the intent is committed; whether it has had its effect, only its end tells
    DONE = "done"  # its result is stored, and it is never run again


class AskedBecause(StrEnum):
    PERMISSION = "permission"
    CRASH = "crash"  # its worker died while it ran, and its policy is to ask


class StopRequest(StrEnum):
    """Who asked a running task to stop: its owner for good, or a user who goes on with the conversation."""

    CANCEL = "cancel"
    INTERRUPT = "interrupt"


class WorkState(StrEnum):
    """How far an environment's worker is with a session, as Managed Agents names it."""

    QUEUED = "queued"  # ends when a worker that has polled it acknowledges it
    STARTING = "starting"  # acknowledged; ends with its first heartbeat
    ACTIVE = "active"  # ends when its worker stops it, is asked to, or falls silent
    STOPPING = "stopping"  # its worker is asked to stop; ends when it does, or falls silent
    STOPPED = "stopped"


class Life(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"
    DELETED = "deleted"  # invisible at once; its rows go with the next purge


class Removal(StrEnum):
    """What is removed, as the audit log tells of it."""

    SESSION = "session"
    USER = "user"  # all of one's data


class Record(StrEnum):
    """The two records of a session, by their tables."""

    MESSAGES = "messages"
    EVENTS = "events"


class Origin(StrEnum):
    """With what an archived session goes on."""

    SUMMARY = "summary"
    FULL = "full"


class OnExpiry(StrEnum):
    """What happens with a session that has reached a limit."""

    ARCHIVE = "archive"
    CONTINUE = "summarise_and_continue"  # in a successor, which begins with the summary
    DELETE = "delete"


class ArchiveReason(StrEnum):
    IDLE = "idle"
    MAX_AGE = "max_age"
    TOO_LONG = "too_long"
    USER = "user"


TASK_MOVES: dict[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.QUEUED: frozenset({TaskStatus.RUNNING, TaskStatus.CANCELLED}),
    TaskStatus.RUNNING: frozenset(
        {TaskStatus.WAITING, TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELLED},
    ),
    TaskStatus.WAITING: frozenset({TaskStatus.RUNNING, TaskStatus.CANCELLED}),
    TaskStatus.SUCCEEDED: frozenset(),
    TaskStatus.FAILED: frozenset({TaskStatus.QUEUED}),
    TaskStatus.CANCELLED: frozenset(),
}

CALL_MOVES: dict[CallStatus, frozenset[CallStatus]] = {
    CallStatus.REQUESTED: frozenset({CallStatus.RUNNING, CallStatus.AWAITED, CallStatus.DONE}),
    CallStatus.ASKED: frozenset({CallStatus.ALLOWED, CallStatus.DONE}),
    CallStatus.ALLOWED: frozenset({CallStatus.RUNNING, CallStatus.AWAITED, CallStatus.DONE}),
    CallStatus.AWAITED: frozenset({CallStatus.DONE}),
    CallStatus.RUNNING: frozenset({CallStatus.RUNNING, CallStatus.ASKED, CallStatus.DONE}),
    CallStatus.DONE: frozenset(),
}

WORK_MOVES: dict[WorkState, frozenset[WorkState]] = {
    WorkState.QUEUED: frozenset({WorkState.STARTING, WorkState.STOPPED}),
    WorkState.STARTING: frozenset({WorkState.ACTIVE, WorkState.QUEUED, WorkState.STOPPING, WorkState.STOPPED}),
    WorkState.ACTIVE: frozenset({WorkState.QUEUED, WorkState.STOPPING, WorkState.STOPPED}),
    WorkState.STOPPING: frozenset({WorkState.STOPPED}),
    WorkState.STOPPED: frozenset(),
}

LIFE_MOVES: dict[Life, frozenset[Life]] = {
    Life.ACTIVE: frozenset({Life.PAUSED, Life.ARCHIVED, Life.DELETED}),
    Life.PAUSED: frozenset({Life.ACTIVE, Life.ARCHIVED, Life.DELETED}),
    Life.ARCHIVED: frozenset({Life.ACTIVE, Life.DELETED}),
    Life.DELETED: frozenset(),
}

S = TypeVar("S", bound=StrEnum)

FINAL = frozenset({TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELLED})
UNFINISHED = frozenset(TaskStatus) - FINAL

#: Lives in which a session takes tasks.
UNCLOSED = (Life.ACTIVE, Life.PAUSED)

#: Work that has a worker, by its own account.
HELD = (WorkState.STARTING, WorkState.ACTIVE, WorkState.STOPPING)
LIVE = (WorkState.QUEUED, *HELD)


def sources(moves: Mapping[S, frozenset[S]], target: S) -> list[S]:
    """The states from which `target` may be entered, in the order the table names them."""
    return [state for state, targets in moves.items() if target in targets]


def one_of(column: str, values: Iterable[StrEnum]) -> str:
    """A CHECK expression: the column holds one of these states."""
    return f"{column} IN ({', '.join(repr(value.value) for value in values)})"


def diagram(moves: Mapping[S, frozenset[S]]) -> str:
    """The moves as a mermaid state diagram, one edge a line."""
    edges = [f"    {state} --> {target}" for state, targets in moves.items() for target in sorted(targets)]
    return "\n".join(["stateDiagram-v2", *edges])
