"""Supervises child processes: starts each as soon as what it needs is ready, restarts what dies, stops in order."""

import logging
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from overnight.stack.child import Child, Patience
from overnight.stack.errors import StartFailed
from overnight.stack.logs import Echo
from overnight.stack.minder import Minder
from overnight.stack.private_files import private_directory
from overnight.stack.record import Mark
from overnight.stack.signals import handling

log = logging.getLogger(__name__)

News = str | StartFailed | signal.Signals  # a child that is ready, one that cannot run, a wish to stop
OnChange = Callable[[tuple[Mark, ...]], None]


class Supervisor:
    """`with` starts and stops all. `on_change` is told the processes whenever one was started."""

    def __init__(
        self,
        children: Sequence[Child],
        log_dir: Path,
        *,
        patience: Patience | None = None,
        echo: TextIO | None = None,
        on_change: OnChange | None = None,
    ) -> None:
        self.failure: StartFailed | None = None  # also of a child that fails after `start` returned
        self._log_dir = private_directory(log_dir)
        self._minders = {
            child.name: Minder(child, log_dir / f"{child.name}.log", patience or Patience(), self) for child in children
        }
        self._waves = _waves(self._minders)
        self._echo = echo
        self._on_change = on_change
        self._changing = threading.Lock()
        # A SimpleQueue, because a signal handler may put into it at any moment without deadlock.
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._hurry = False
        self._open = ExitStack()

    def start(self) -> None:
        """Returns when every child is ready; raises StartFailed, with all stopped, when one does not get so far."""
        if self._echo:
            self._open.enter_context(Echo(self._echo, {name: self.log_path(name) for name in self._minders}))
        try:
            self._start_all()
        except BaseException:
            self.stop()
            raise

    def wait(self) -> None:
        """Until SIGINT, SIGTERM or SIGHUP; raises StartFailed when a child proves unable to run after all."""
        with handling(lambda number, _: self._news.put(signal.Signals(number)), *STOPPING):
            while isinstance(news := self._next_news(), str):
                pass
        if isinstance(news, StartFailed):
            raise news

    def stop(self) -> None:
        """SIGTERM in reverse order, SIGKILL to whoever outstays its grace; SIGINT meanwhile kills all at once."""
        with handling(self._be_quick, *STOPPING):
            for minder in self._minders.values():
                minder.forgo_restart()
            for wave in reversed(self._waves):
                for minder in wave:
                    minder.terminate()
                for minder in wave:
                    minder.see_off(lambda: self._hurry)
            self._open.close()

    def log_path(self, name: str) -> Path:
        return self._log_dir / f"{name}.log"

    def processes(self) -> tuple[Mark, ...]:
        """The process that runs, or ran last, for each child."""
        return tuple(minder.mark for minder in self._minders.values() if minder.mark)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def child_spawned(self) -> None:
        with self._changing:
            if self._on_change:
                self._tell(self._on_change)

    def child_is_ready(self, name: str) -> None:
        self._news.put(name)

    def child_failed(self, failure: StartFailed) -> None:
        self.failure = self.failure or failure
        self._news.put(failure)

    def _start_all(self) -> None:
        for minder in self._minders.values():
            minder.start(_needs(minder, self._minders))
        awaited = set(self._minders)
        while awaited:
            news = self._next_news()
            if isinstance(news, StartFailed):
                raise news
            awaited.discard(str(news))

    def _next_news(self) -> News:
        # Looks up now and then: a signal that another thread was given does not wake a wait without end.
        while True:
            with suppress(queue.Empty):
                return self._news.get(timeout=0.5)

    def _tell(self, on_change: OnChange) -> None:
        try:
            on_change(self.processes())
        except OSError:
            # A full disk must not keep a child from being minded; only a later clean-up would miss the record.
            log.exception("cannot record the running processes")

    def _be_quick(self, number: int, _frame: object) -> None:
        self._hurry = self._hurry or number == signal.SIGINT


STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _needs(minder: Minder, minders: dict[str, Minder]) -> list[Minder]:
    return [minders[name] for name in minder.child.after if name in minders]


def _waves(minders: dict[str, Minder]) -> list[list[Minder]]:
    """Those that need nothing, then those that need only these, and so on."""
    waves: list[list[Minder]] = []
    placed: set[str] = set()
    while len(placed) < len(minders):
        wave = [m for m in minders.values() if m.child.name not in placed and _placed(m, minders, placed)]
        if not wave:
            raise ValueError(f"children that wait for each other: {', '.join(sorted(set(minders) - placed))}")
        waves.append(wave)
        placed |= {minder.child.name for minder in wave}
    return waves


def _placed(minder: Minder, minders: dict[str, Minder], placed: set[str]) -> bool:
    return all(need.child.name in placed for need in _needs(minder, minders))
