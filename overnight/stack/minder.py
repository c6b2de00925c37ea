"""Keeps one child alive: starts it when what it needs is ready, and again whenever it dies."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from overnight.stack.child import Child, Patience
from overnight.stack.errors import StartFailed
from overnight.stack.record import Mark
from overnight.stack.spawn import Spawned, spawn

log = logging.getLogger(__name__)


class Watcher(Protocol):
    """Who is told how the child fares; called from the minder's thread."""

    def child_spawned(self) -> None: ...
    def child_is_ready(self, name: str) -> None: ...
    def child_failed(self, failure: StartFailed) -> None: ...


@dataclass(frozen=True)
class _Life:
    end: str
    went_well: bool = False
    seconds: float = 0.0


class Minder:
    """One thread, which sleeps in `wait` while its child lives."""

    def __init__(self, child: Child, log_path: Path, patience: Patience, watcher: Watcher) -> None:
        self.child = child
        self.is_ready = threading.Event()
        self._log_path = log_path
        self._patience = patience
        self._watcher = watcher
        self._needs: Sequence[Minder] = ()
        self._current: Spawned | None = None
        self._has_started = False
        self._leaving = threading.Event()
        self._spawning = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"minder-{child.name}", daemon=True)

    @property
    def mark(self) -> Mark | None:
        """Of the process that was started last."""
        return self._current.mark if self._current else None

    def start(self, needs: "Sequence[Minder]") -> None:
        self._needs = needs
        self._thread.start()

    def forgo_restart(self) -> None:
        """From now on a death is final."""
        with self._spawning:
            self._leaving.set()

    def terminate(self) -> None:
        if self._current:
            self._current.process.terminate()

    def see_off(self, hurry: Callable[[], bool]) -> None:
        """Returns when the child has gone: by itself within its grace, else killed."""
        deadline = time.monotonic() + self.child.grace
        while self._is_alive() and time.monotonic() < deadline and not hurry():
            self._thread.join(self._patience.look)
        if self._current and self._is_alive():
            log.warning("%s does not leave and is killed", self.child.name)
            self._current.process.kill()
        if self._thread.ident:
            self._thread.join(timeout=5)

    def _is_alive(self) -> bool:
        return self._current is not None and self._current.lives

    def _run(self) -> None:
        try:
            self._await_needs()
            self._keep()
        except Exception as error:
            log.exception("the minder of %s broke", self.child.name)
            self._fail(f"{type(error).__name__}: {error}")

    def _await_needs(self) -> None:
        for need in self._needs:
            while not need.is_ready.is_set() and not self._leaving.is_set():
                need.is_ready.wait(self._patience.look)

    def _keep(self) -> None:
        deaths = restarts = 0
        while life := self._live():
            deaths += 1
            if self._was_last(life, deaths):
                return
            restarts = 0 if life.seconds > self._patience.pause_reset else restarts
            pause = self._patience.pause(restarts)
            log.warning("%s %s; it starts again in %.3g s", self.child.name, life.end, pause)
            restarts += 1
            self._leaving.wait(pause)

    def _live(self) -> _Life | None:
        """From birth to death; None once the stack is stopping."""
        born = time.monotonic()
        try:
            spawned = self._spawn()
        except OSError as error:
            return _Life(f"cannot be run ({error.strerror})")
        if spawned is None:
            return None
        self._see_it_start(spawned)
        status = spawned.process.wait()
        return _Life(_told(status), went_well=status == 0, seconds=time.monotonic() - born)

    def _spawn(self) -> Spawned | None:
        # The lock keeps a child from slipping out while the stack begins to stop.
        with self._spawning:
            if self._leaving.is_set():
                return None
            self._current = spawn(self.child, self._log_path)
        self._watcher.child_spawned()
        return self._current

    def _see_it_start(self, spawned: Spawned) -> None:
        if self._has_started or self.child.once:
            return
        if self.child.ready:
            self._await_answer(spawned, self.child.ready)
        else:
            self._say_ready()
            self._has_started = spawned.outlives(self._patience.settled)

    def _await_answer(self, spawned: Spawned, answers: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self._patience.ready
        while spawned.lives and not self._leaving.is_set():
            if answers():
                self._has_started = True
                return self._say_ready()
            if time.monotonic() > deadline:
                self._leaving.set()
                return self._fail(f"no answer within {self._patience.ready:g} s")
            self._leaving.wait(self._patience.look)
        return None

    def _was_last(self, life: _Life, deaths: int) -> bool:
        if self._leaving.is_set():
            return True
        if self.child.once and life.went_well:
            self._say_ready()
        elif self.child.once:
            self._fail(life.end)
        elif not self._has_started and deaths >= self._patience.early_deaths:
            self._fail(f"{life.end}, {deaths} times in a row")
        else:
            return False
        return True

    def _say_ready(self) -> None:
        if not self.is_ready.is_set():
            self.is_ready.set()
            self._watcher.child_is_ready(self.child.name)

    def _fail(self, reason: str) -> None:
        lines = self._current.last_lines() if self._current else []
        self._watcher.child_failed(StartFailed(self.child.name, reason, lines, self.child.hint))


def _told(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
