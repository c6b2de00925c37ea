"""Signals, for a while."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], object]


@contextmanager
def handling(handler: Handler, *signals: signal.Signals) -> Iterator[None]:
    """Lets the handler have these signals; one that is ignored (as nohup does) stays so.

    Outside the main thread Python allows no handlers: there it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in signals if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def leave(number: int, _frame: FrameType | None) -> None:
    """Unwinds the main thread, so that everything it holds is put away."""
    raise SystemExit(128 + number)
