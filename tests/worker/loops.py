"""An event loop in a thread of its own, as a worker process has one, and calls of tools on it."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from overnight.tools import Context, Tool
from worker.tools.results import Result
from worker.tools.running import Bounds, begin


class Loop:
    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Any], timeout: float = 60) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        assert not self._thread.is_alive()
        self.loop.close()


@contextmanager
def running_loop() -> Iterator[Loop]:
    loop = Loop()
    try:
        yield loop
    finally:
        loop.stop()


def perform(tool: Tool, given: Any, context: Context, loop: Loop, bounds: Bounds = Bounds()) -> Result:  # noqa: B008
    """Waits for the result. Raises `CancelledError` when the call is halted."""
    return begin(tool, given, context, loop.loop, bounds).result()
