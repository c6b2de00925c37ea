"""The sessions that this process owns at the moment, and how each of them is stopped."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from overnight.expiry import Limits
from overnight.states import StopRequest
from overnight.store.calls import Call
from overnight.store.leases import Lease
from worker.governor.asking import Grant


class Halt(StrEnum):
    """Why a session's work stops before its end."""

    CANCEL = "cancel"
    INTERRUPT = "interrupt"
    PAUSE = "pause"  # a request ends at once, calls of tools come to their end
    DRAIN = "drain"  # the process goes; the session is handed back
    LOST = "lost"  # somebody else owns it, or we can no longer prove that we do


STOPS = {Halt.CANCEL: StopRequest.CANCEL, Halt.INTERRUPT: StopRequest.INTERRUPT}
HALTS = {request: halt for halt, request in STOPS.items()}


class Held:
    """One owned session. `halt` may come from any thread at any time.

    The first reason counts; but LOST wins, and whatever comes after PAUSE, which is the mildest.
    """

    def __init__(self, lease: Lease, proven_until: float) -> None:
        self.lease = lease
        self.proven_until = proven_until  # on this host's monotonic clock, from before the lease was asked for
        self.task_id: str | None = None
        self.limits = Limits(idle_ttl=0, max_age=0, notice=0)  # how the session ends
        self.grant: Grant | None = None  # for the request of the turn that has begun
        self.owed: Call | None = None  # what was paid and is not written yet
        self._reason: Halt | None = None
        self._calls: Sequence[Future[Any]] = ()
        self._may_finish = False
        self._lock = threading.Lock()

    @property
    def reason(self) -> Halt | None:
        return self._reason

    @property
    def stop_request(self) -> StopRequest | None:
        """What somebody asked for, where that is why the work stops."""
        return STOPS.get(self._reason) if self._reason else None

    def turn_to(self, task_id: str) -> None:
        """The task to work on from now: a stop asked of an earlier one, carried out or come too late, is not for it."""
        with self._lock:
            self.task_id = task_id
            if self._reason in STOPS:
                self._reason = None

    def take_grant(self) -> Grant:
        """For the request that is sent now: each has one of its own."""
        grant, self.grant = self.grant, None
        assert grant is not None, "a turn began that nobody had granted"
        return grant

    def halt(self, reason: Halt, task_id: str | None = None) -> None:
        """Stops the work; where `task_id` is given, only if that is the task at hand."""
        with self._lock:
            if task_id not in {None, self.task_id}:
                return
            if self._reason in {None, Halt.PAUSE} or reason is Halt.LOST:
                self._reason = reason
            calls = () if self._is_patient() else self._calls
        _cancel(calls)

    @contextmanager
    def calling(self, *calls: "Future[Any]", may_finish: bool = False) -> Iterator[None]:
        """While inside, a halt cancels `calls`; a halt that came before cancels them at once.

        `may_finish`: what has begun is worth its end, and a pause waits for it.
        """
        with self._lock:
            self._calls, self._may_finish = calls, may_finish
            halted = self._reason is not None and not self._is_patient()
        if halted:
            _cancel(calls)
        try:
            yield
        finally:
            with self._lock:
                self._calls = ()

    def _is_patient(self) -> bool:
        return self._may_finish and self._reason is Halt.PAUSE


def _cancel(calls: "Sequence[Future[Any]]") -> None:
    for call in calls:
        call.cancel()


class Holdings:
    """All that the process owns, by session id."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()

    @contextmanager
    def holding(self, lease: Lease, ttl: float, asked_at: float) -> Iterator[Held]:
        """Registers the lease for renewal while inside; `asked_at` is the monotonic time before it was asked for."""
        held = Held(lease, asked_at + ttl)
        with self._lock:
            self._held[lease.session_id] = held
        try:
            yield held
        finally:
            with self._lock:
                self._held.pop(lease.session_id, None)

    def every(self) -> dict[str, Held]:
        with self._lock:
            return dict(self._held)

    def halt_all(self, reason: Halt) -> None:
        for held in self.every().values():
            held.halt(reason)

    def halt_unproven(self, margin: float) -> int:
        """Stops whatever may soon belong to somebody else; gives how many."""
        late = [held for held in self.every().values() if time.monotonic() > held.proven_until - margin]
        for held in late:
            held.halt(Halt.LOST)
        return len(late)
