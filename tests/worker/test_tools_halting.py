"""A call that is halted, by its flag or from outside, has no result, whatever its tool came to."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path

import pytest

from overnight.tools import CancelFlag, Context, Tool, tool
from tests.worker.loops import Loop, perform
from worker.tools.running import begin

PATIENCE = 20.0


def _halting(loop: Loop, made: Tool, context: Context, started: threading.Event) -> None:
    def halt() -> None:
        assert started.wait(PATIENCE)
        context.cancelled.set()

    halter = threading.Thread(target=halt)
    halter.start()
    began = time.monotonic()
    with pytest.raises(CancelledError):
        perform(made, {}, context, loop)
    halter.join()
    assert time.monotonic() - began < PATIENCE / 2


def test_a_halt_is_no_result_of_a_function_that_ignores_it(loop: Loop, context: Context) -> None:
    started, released = threading.Event(), threading.Event()

    @tool
    def hang() -> str:
        started.set()
        released.wait(PATIENCE)
        return "done"

    _halting(loop, hang, context, started)
    released.set()


class SlowToTell(CancelFlag):
    """The tool sees it, and is done, before the loop hears of it."""

    @contextmanager
    def telling(self, listener: Callable[[], object]) -> Iterator[None]:
        yield


@pytest.mark.parametrize("flag", [CancelFlag, SlowToTell])
def test_a_halt_is_no_result_of_a_function_that_returns_because_of_it(
    loop: Loop, tmp_path: Path, flag: type[CancelFlag]
) -> None:
    started = threading.Event()
    _halting(loop, _obeying(started), Context(folder=tmp_path, cancelled=flag()), started)


def _obeying(started: threading.Event) -> Tool:
    @tool
    def obey(context: Context) -> str:
        started.set()
        context.cancelled.wait(PATIENCE)
        return "stopped"

    return obey


def test_a_halt_is_no_result_of_a_coroutine(loop: Loop, context: Context) -> None:
    started, cleaned = threading.Event(), threading.Event()

    @tool
    async def hang() -> str:
        started.set()
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            cleaned.set()
        return "done"

    _halting(loop, hang, context, started)
    assert cleaned.wait(PATIENCE)


def test_a_halt_that_came_before_begins_nothing_that_counts(loop: Loop, context: Context) -> None:
    context.cancelled.set()
    with pytest.raises(CancelledError):
        perform(tool(len_of), {"text": "a"}, context, loop)


def test_a_call_that_is_cancelled_from_outside_tells_its_function(loop: Loop, context: Context) -> None:
    started, stopped = threading.Event(), threading.Event()

    @tool
    def obey(context: Context) -> None:
        started.set()
        if context.cancelled.wait(PATIENCE):
            stopped.set()

    call = begin(obey, {}, context, loop.loop)
    assert started.wait(PATIENCE)
    call.cancel()
    assert stopped.wait(PATIENCE)
    with pytest.raises(CancelledError):
        call.result()


def len_of(text: str) -> int:
    """Count."""
    return len(text)
