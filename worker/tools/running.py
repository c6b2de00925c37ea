"""One call of a tool, from Claude's input to a result: with a time limit, and halted when the session is."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from overnight.settings import Settings
from overnight.tools import Cancelled, Context, Tool
from overnight.tools.errors import BadInput
from worker.tools.results import Result, failed, raised, returned

log = structlog.get_logger(__name__)

UNWIND = 1.0  # seconds that a tool has to stop by itself after its time is over


@dataclass(frozen=True, slots=True)
class Bounds:
    """For tools that set none of their own."""

    timeout: float = 300.0  # seconds
    text_bytes: int = 102_400

    @classmethod
    def of(cls, settings: Settings) -> "Bounds":
        return cls(settings.tool_timeout, settings.tool_result_bytes)


def begin(
    tool: Tool,
    given: dict[str, Any],
    context: Context,
    loop: asyncio.AbstractEventLoop,
    bounds: Bounds = Bounds(),
) -> "Future[Result]":
    """Starts a call, so that several can run side by side. Cancelling the future halts it, as does the context's flag:
    then the future is cancelled and has no result.
    """
    return asyncio.run_coroutine_threadsafe(_run(tool, given, context, bounds), loop)


async def _run(tool: Tool, given: dict[str, Any], context: Context, bounds: Bounds) -> Result:
    work = asyncio.ensure_future(_work(tool, given, context, bounds.text_bytes))
    seconds = tool.timeout or bounds.timeout
    try:
        if not await _ends(work, context, seconds):
            return await _stopped(work, tool, context, seconds, bounds.text_bytes)
    except asyncio.CancelledError:
        work.cancel()
        context.cancelled.set()
        raise
    if context.cancelled.is_set():  # the tool may have stopped because of that
        raise asyncio.CancelledError
    return work.result()


async def _ends(work: "asyncio.Future[Result]", context: Context, seconds: float) -> bool:
    """Whether it came to its end in time; cancelled at once by the context's flag."""
    this, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert this is not None
    with context.cancelled.telling(lambda: loop.call_soon_threadsafe(this.cancel)):
        done, _ = await asyncio.wait({work}, timeout=seconds)
    return bool(done)


async def _stopped(work: "asyncio.Future[Result]", tool: Tool, context: Context, seconds: float, limit: int) -> Result:
    context.cancelled.set()
    if tool.is_async:
        work.cancel()
    done, _ = await asyncio.wait({work}, timeout=UNWIND)
    if done:
        return failed(f"{tool.name} was stopped after its time limit of {seconds:g} seconds", limit)
    work.cancel()
    log.warning("tool_still_running", tool=tool.name, session=context.session_id, timeout=seconds)
    told = "it could not be stopped and may still be running, so its effects may yet come"
    return failed(f"{tool.name} exceeded its time limit of {seconds:g} seconds; {told}", limit)


async def _work(tool: Tool, given: Any, context: Context, limit: int) -> Result:
    if not isinstance(given, dict):
        return raised(BadInput("input: must be a JSON object"), tool.name, context, limit)
    if not tool.is_async:
        return await _in_thread(lambda: _attempt(tool, given, context, limit))
    try:
        return returned(await tool.call(given, context), limit)
    except asyncio.CancelledError as error:
        this = asyncio.current_task()
        if this is None or this.cancelling():
            raise
        return raised(error, tool.name, context, limit)  # something inside the tool was cancelled, not we
    except (Exception, Cancelled, SystemExit, KeyboardInterrupt) as error:  # an exit would take the loop along
        return raised(error, tool.name, context, limit)


def _attempt(tool: Tool, given: dict[str, Any], context: Context, limit: int) -> Result:
    try:
        return returned(tool.call(given, context), limit)
    except BaseException as error:
        return raised(error, tool.name, context, limit)


async def _in_thread(attempt: Callable[[], Result]) -> Result:
    """In a thread of its own, a daemon: no pool can be filled, and no exit held up, by one that never ends."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result) -> None:
        if not outcome.done():
            outcome.set_result(result)

    def run() -> None:
        result = attempt()
        with suppress(RuntimeError):  # the process has gone on without us, and its loop is closed
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=contextvars.copy_context().run, args=(run,), name="tool", daemon=True).start()
    return await outcome
