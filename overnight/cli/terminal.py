"""A task shown on a terminal: a status line that lives, and above it Claude's words as they come."""

import sys
import termios
import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from overnight.cli import phrases
from overnight.cli.asks import Asks, Place
from overnight.cli.exits import Unreachable
from overnight.cli.output import for_stdout, harmless, write
from overnight.cli.words import Words

BAR = 30  # columns
CHARACTERS_PER_TOKEN = 4  # of English, roughly: what Claude counts is known at the end

Json = dict[str, Any]


class Terminal:
    """`says_words`: the console is stdout, so that the words go there; otherwise only the state is shown."""

    def __init__(self, console: Console, place: Place, *, says_words: bool) -> None:
        self._console = console
        self._asks = Asks(place)
        self._says_words = says_words
        self._words: Words | None = None
        self._line = ""  # the last line of Claude's words, not complete yet
        self._characters = 0
        self._state = "starting Overnight"
        self._waiting = ""  # the wait that was told last
        self._progress: Json | None = None
        self._began = time.monotonic()
        self._is_running = False
        self._spinner = Spinner("dots")
        self._live = Live(self, console=console, refresh_per_second=8, transient=True)

    def __rich__(self) -> RenderableType:
        self._spinner.update(text=Text(self._status(), style="dim", no_wrap=True, overflow="ellipsis"))
        tail = [Text(self._tail())] if self._line else []
        return Group(*tail, *self._bar(), self._spinner)

    def announce(self, text: str) -> None:
        self._console.print(Text(text, style="bold yellow"))

    def show_task(self, task: Json) -> None:
        self._words = self._words or Words(task["id"])
        self._is_running = task["status"] == "running"
        self._state = phrases.state(task)
        self._progress = task["progress"]
        if task["status"] == "waiting" and self._state != self._waiting:
            self._waiting = self._state
            self._keep_line()
            self._console.print(Text(self._state, style="yellow"))
        if asks := self._asks.new(task):
            self._keep_line()
            self._console.print(Text("\n".join(asks), style="yellow"), soft_wrap=True)

    def ask(self, prompt: str) -> str | None:
        """What a person types; None for Ctrl-D. What was typed before the question is no answer to it."""
        self._keep_line()
        self._live.stop()
        try:
            termios.tcflush(sys.stdin, termios.TCIFLUSH)
            return self._console.input(Text(prompt, style="bold")).strip()
        except EOFError:
            self._console.print()
            return None
        finally:
            self._live.start()

    def show_event(self, event: Json) -> None:
        new = self._words.take(event, is_running=self._is_running) if self._words else ""
        if new:
            self._state = "streaming"
            self._hear(new)

    def show_trouble(self, trouble: Unreachable) -> None:
        self._state = f"connection lost, trying again: {trouble}"

    def show_answer(self, task: Json) -> None:
        """What was not shown of it as it came; ends the life of the screen."""
        output = task["output"] or ""
        if self._says_words and self._words:
            self._hear(self._words.finish(output))
        self.close()
        if not self._says_words and output:
            write(for_stdout(output))
        self._console.print()

    def close(self) -> None:
        self._keep_line()
        self._live.stop()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _hear(self, text: str) -> None:
        self._characters += len(text)
        if self._says_words:
            self._print(harmless(text))

    def _status(self) -> str:
        tokens = f" · ~{self._characters // CHARACTERS_PER_TOKEN:,} tokens" if self._characters else ""
        return f"{self._state} · {phrases.duration(time.monotonic() - self._began)}{tokens}"

    def _bar(self) -> list[RenderableType]:
        """How far the task says it is."""
        if self._progress is None:
            return []
        note = Text(harmless(self._progress["note"]), no_wrap=True, overflow="ellipsis")
        if (fraction := self._progress["fraction"]) is None:
            return [note]
        row = Table.grid(padding=(0, 1))
        row.add_row(ProgressBar(total=1.0, completed=fraction, width=BAR), Text(phrases.percent(fraction)), note)
        return [row]

    def _tail(self) -> str:
        """As much of the unfinished line as the window holds."""
        return self._line[-self._console.width * max(self._console.height - 4, 1) :]

    def _print(self, text: str) -> None:
        *complete, self._line = (self._line + text).split("\n")
        for line in complete:
            self._console.print(Text(line), soft_wrap=True)

    def _keep_line(self) -> None:
        if self._line:
            line, self._line = self._line, ""
            self._console.print(Text(line), soft_wrap=True)
