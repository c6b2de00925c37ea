"""Tools whose effects are lines of a file, in workers that kill themselves at the point that the test has armed.

Loaded by workers (OVERNIGHT_TOOLS). A worker dies when as many threads as the test says have come to the point.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import worker.calls
import worker.step
from overnight.store import tool_turns
from overnight.tools import Context, tool

FOLDER = Path(os.environ.get("OVERNIGHT_DATA_DIR", "."))
EFFECTS = FOLDER / "effects"
ARMED = FOLDER / "armed"  # "point threads"

RELEASE = "before the release"

_arrived: list[int] = []
_lock = threading.Lock()


def reach(point: str) -> None:
    """Dies with the last of those who are expected here; the others wait for it."""
    try:
        armed, expected = ARMED.read_text().split()
    except FileNotFoundError:
        return
    if armed.replace("_", " ") != point:
        return
    with _lock:
        _arrived.append(threading.get_ident())
        if len(_arrived) == int(expected):
            ARMED.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait()


def effect(n: int, context: Context) -> str:
    reach("in the tool, before its effect")
    with EFFECTS.open("a") as effects:
        effects.write(f"{context.session_id} {n} {context.idempotency_key}\n")
    reach("in the tool, after its effect")
    return f"effect {n}"


@tool(on_crash="retry")
def retried(n: int, context: Context) -> str:
    """Has an effect, and may be repeated."""
    return effect(n, context)


@tool(on_crash="ask")
def asked(n: int, context: Context) -> str:
    """Has an effect, and a person decides whether to repeat it."""
    return effect(n, context)


@tool(on_crash="tell")
def told(n: int, context: Context) -> str:
    """Has an effect, and is never repeated unasked."""
    return effect(n, context)


def _before(owner: Any, name: str, point: Callable[..., str | None]) -> None:
    """Lets `owner.name` pass the point that `point` gives for its arguments."""
    function = getattr(owner, name)

    def passing(*arguments: Any, **named: Any) -> Any:
        here = point(*arguments)
        if here is not None:
            reach(here)
        return function(*arguments, **named)

    setattr(owner, name, passing)


_finished: dict[str, int] = {}


def _finishing(calls: Any, verb: Any, *values: Any) -> str | None:
    if verb is not tool_turns.finish:
        return None
    session_id = calls.turn.lease.session_id
    while EFFECTS.read_text().count(session_id) < 2:  # both calls have had theirs
        time.sleep(0.01)
    _finished[session_id] = _finished.get(session_id, 0) + 1
    return "before a result" if _finished[session_id] == 1 else "between two results"


_before(worker.step, "ask", lambda *_: "before the request")
_before(worker.calls.Calls, "run", lambda *_: "after the reply")
_before(worker.calls.Calls, "_perform", lambda _calls, _turn, begun: "after the intent" if begun else None)
_before(worker.calls.Calls, "_persist", _finishing)
_before(
    worker.step.Step,
    "_succeed",
    lambda _s, said, *_: "before the release" if said["stop_reason"] == "end_turn" else None,
)
