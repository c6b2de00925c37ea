"""A task shown in lines on stderr, for logs and pipes: each change of state once. The answer alone goes to stdout."""

import time
from types import TracebackType
from typing import Any, Self

from overnight.cli import phrases
from overnight.cli.asks import Asks, Place
from overnight.cli.exits import Unreachable
from overnight.cli.output import for_stdout, note, warn, write

Json = dict[str, Any]


class Lines:
    def __init__(self, place: Place) -> None:
        self._said = ""
        self._asks = Asks(place)
        self._began = time.monotonic()

    def announce(self, text: str) -> None:
        warn(text)

    def show_task(self, task: Json) -> None:
        self._say(" · ".join(filter(None, [phrases.state(task), phrases.progress(task)])))
        for line in self._asks.new(task):
            note(line)

    def show_event(self, event: Json) -> None:
        """Only the task's own state is told."""

    def show_trouble(self, trouble: Unreachable) -> None:
        self._say(f"connection lost, trying again: {trouble}")

    def show_answer(self, task: Json) -> None:
        if task["output"] is not None:
            write(for_stdout(task["output"]))

    def close(self) -> None:
        """Nothing to put away."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _say(self, what: str) -> None:
        if what != self._said:
            self._said = what
            note(f"[{phrases.duration(time.monotonic() - self._began)}] {what}")
