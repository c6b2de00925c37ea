"""What the supervisor is given: one child process, and how patient to be with it. Times are seconds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

Check = Callable[[], bool]


@dataclass(frozen=True)
class Child:
    name: str  # also the name of its log
    argv: tuple[str, ...]  # readable by everybody on this machine: no secrets
    env: Mapping[str, str] | None = field(default=None, repr=False)  # its whole environment; None: the supervisor's
    cwd: Path | None = None
    umask: int = -1  # -1: the supervisor's
    after: tuple[str, ...] = ()  # starts when these are ready; a name that is not in the stack counts as ready
    ready: Check | None = None  # None: ready as soon as it runs
    once: bool = False  # a job: ready when it ended well, never restarted
    grace: float = 10.0  # between SIGTERM and SIGKILL
    hint: str = ""  # a remedy, for the message when it does not start

    def ready_when(self, also: Check) -> "Child":
        """The same child, ready when it passes this check as well."""
        own = self.ready
        return replace(self, ready=lambda: (own is None or own()) and also())


@dataclass(frozen=True)
class Patience:
    pause_first: float = 0.5  # before the first restart; doubled for each one after it
    pause_longest: float = 30.0
    pause_reset: float = 60.0  # a child that lived this long starts again from the first pause
    settled: float = 20.0  # a child without a readiness check has started once it lived this long; loading takes some
    early_deaths: int = 5  # a child that died this often before it ever started will not start
    ready: float = 60.0
    look: float = 0.02  # between two looks at something that is awaited

    def pause(self, restarts: int) -> float:
        """How long to wait before restart number `restarts` (from 0) in a row."""
        return min(self.pause_longest, self.pause_first * 2.0 ** min(restarts, 30))
