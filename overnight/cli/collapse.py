"""Interrupts the main thread, wherever it waits, when the stack that it relies on turns out to be unable to run."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from overnight.stack.signals import handling
from overnight.stack.stack import Stack

LOOK = 0.2


class Collapsed(Exception):
    """A part of the stack cannot run; the stack knows why."""


@contextmanager
def noticing_collapse(stack: Stack) -> Iterator[None]:
    """Raises the stack's StartFailed, out of whatever the block is doing. For the main thread."""
    with _raised_as_failure(stack), handling(_collapse, signal.SIGUSR1):
        left = threading.Event()
        watcher = threading.Thread(target=_watch, args=(stack, threading.get_ident(), left), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            left.set()
            watcher.join()


@contextmanager
def _raised_as_failure(stack: Stack) -> Iterator[None]:
    try:
        yield
    except Collapsed:
        raise stack.failure or RuntimeError("the stack collapsed without a reason") from None


def _watch(stack: Stack, main_thread: int, left: threading.Event) -> None:
    while not left.wait(LOOK):
        if stack.failure:
            # A real signal, because only that wakes a thread from a read.
            signal.pthread_kill(main_thread, signal.SIGUSR1)
            return


def _collapse(*_: object) -> None:
    raise Collapsed
