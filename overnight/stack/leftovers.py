"""Ends what a supervisor that was killed left running: exactly those processes, never others with their pids."""

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence

import psutil

from overnight.stack.record import Mark

GRACE = 10.0
LOOK = 0.02


def end_leftovers(marks: Iterable[Mark], grace: float = GRACE) -> list[str]:
    """SIGTERM to all at once, SIGKILL to who stays `grace` seconds; the names of those that were there."""
    # All at once, Redis too: nobody waits for answers any more, and what is owed is in SQL.
    left = [mark for mark in marks if mark.process()]
    _send(psutil.Process.terminate, left)
    stubborn = _await_end(left, grace)
    _send(psutil.Process.kill, stubborn)
    _await_end(stubborn, grace)
    return [mark.name for mark in left]


def _send(signal: Callable[[psutil.Process], None], marks: Sequence[Mark]) -> None:
    for mark in marks:
        if process := mark.process():
            with contextlib.suppress(psutil.Error):
                signal(process)


def _await_end(marks: Sequence[Mark], seconds: float) -> list[Mark]:
    """Those that still live after the time."""
    deadline = time.monotonic() + seconds
    living = [mark for mark in marks if mark.process()]
    while living and time.monotonic() < deadline:
        time.sleep(LOOK)
        living = [mark for mark in living if mark.process()]
    return living
