"""What becomes of each call of a step that is not done: decided purely, written and carried out elsewhere."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from overnight.models import ToolCall
from overnight.states import AskedBecause, CallStatus
from overnight.store.tool_calls import Move, Outcome
from overnight.tools import OnCrash
from overnight.tools.errors import BadInput
from overnight.tools.kinds import Kind
from overnight.tools.own import ASK_HUMAN, REPORT_PROGRESS, WAIT, Progress, read_progress, read_question, read_wait
from worker.tools.toolbox import Toolbox

UNKNOWN = "There is no tool called {name}. Use one of the tools that you were given."
LOST = (
    "The worker that ran this tool stopped in the middle of it. Whether the call had its effect is not known: "
    "check before you repeat it."
)
DEADLY = "This tool was begun {runs} times, and its worker stopped in the middle of it each time: it is not run again."
NOTED = "Noted."

#: A call that takes its worker down is not repeated for ever, whatever its tool allows.
MOST_RUNS = 10


@dataclass(slots=True)
class Decisions:
    """`missing` are the ids of calls that another worker must run; `progress` is what the agent reports last."""

    moves: list[Move] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    progress: Progress | None = None


def decide(calls: Sequence[ToolCall], toolbox: Toolbox, now: datetime) -> Decisions:
    """Of calls that nobody is running: one that is `running` here has lost its worker."""
    found = Decisions()
    for call in calls:
        match CallStatus(call.status):
            case CallStatus.REQUESTED | CallStatus.ALLOWED:
                _begin(call, toolbox, now, found)
            case CallStatus.RUNNING:
                _recover(call, toolbox, found)
            case CallStatus.AWAITED if call.due_at is not None and call.due_at <= now:
                found.moves.append(_done(call, f"It is {now.isoformat(timespec='seconds')} now."))
            case _:
                pass
    return found


def begun(calls: Sequence[ToolCall], ids: Collection[str]) -> list[ToolCall]:
    """Those whose intent is committed, as they are now."""
    running = {"status": CallStatus.RUNNING}
    return [call.model_copy(update=running) for call in calls if call.id in ids]


def _begin(call: ToolCall, toolbox: Toolbox, now: datetime, found: Decisions) -> None:
    match toolbox.kind(call.name):
        case Kind.UNKNOWN | Kind.SERVER:
            found.moves.append(_done(call, UNKNOWN.format(name=call.name), is_error=True))
        case Kind.CUSTOM | Kind.ENVIRONMENT:
            found.moves.append(Move(call, CallStatus.AWAITED))
        case Kind.OVERNIGHT:
            _begin_own(call, now, found)
        case _ if toolbox.find(call.name) is None:
            found.missing.add(call.id)
        case _:
            found.moves.append(Move(call, CallStatus.RUNNING))


def _begin_own(call: ToolCall, now: datetime, found: Decisions) -> None:
    try:
        if call.name == WAIT["name"]:
            found.moves.append(Move(call, CallStatus.AWAITED, due_at=read_wait(call.input, now)))
        elif call.name == ASK_HUMAN["name"]:
            read_question(call.input)
            found.moves.append(Move(call, CallStatus.AWAITED))
        elif call.name == REPORT_PROGRESS["name"]:
            found.progress = read_progress(call.input)
            found.moves.append(_done(call, NOTED))
    except BadInput as error:
        found.moves.append(_done(call, f"invalid input for {call.name}: {error}", is_error=True))


def _recover(call: ToolCall, toolbox: Toolbox, found: Decisions) -> None:
    tool = toolbox.find(call.name)
    if tool is None and toolbox.kind(call.name) is not Kind.UNKNOWN:
        found.missing.add(call.id)
        return
    match tool.on_crash if tool else OnCrash.TELL:
        case OnCrash.RETRY if call.attempts >= MOST_RUNS:
            found.moves.append(_done(call, DEADLY.format(runs=call.attempts), is_error=True))
        case OnCrash.RETRY:
            found.moves.append(Move(call, CallStatus.RUNNING))
        case OnCrash.ASK:
            found.moves.append(Move(call, CallStatus.ASKED, asked_because=AskedBecause.CRASH))
        case OnCrash.TELL:
            found.moves.append(_done(call, LOST, is_error=True))


def _done(call: ToolCall, content: Any, *, is_error: bool = False) -> Move:
    return Move(call, CallStatus.DONE, Outcome(content, is_error))
