"""What owners do with a session in the tests of whole lives, as a slice does it; and what becomes of them."""

from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import Connection, update
from sqlmodel import col

from overnight.errors import SessionPaused
from overnight.models import Session, Task
from overnight.states import ArchiveReason, StopRequest, WaitReason
from overnight.store import leases, pauses, put_down, retirement, sessions, succession, turns
from overnight.store.clock import after
from overnight.store.leases import Lease
from overnight.store.turn import Pause, Turn, is_due
from tests.store.lives import Lived
from tests.store.scenes import DEFAULT_WORKSPACE, NO_LIMITS, OVERLOADED, clock, reply, session, try_to_take

IN_A_TURN = ("succeed", "fail", "park", "put_down", "die")
WITH_A_LEASE = ("begin", "begin", "expire", "hand_over", "die")


def _run_out(connection: Connection, session_id: str) -> None:
    """In one statement: somebody may be closing it."""
    owned = (col(Session.id) == session_id, col(Session.lease_owner).is_not(None))
    connection.execute(update(Session).where(*owned).values(lease_expires_at=after(-1.0), wake_at=after(-1.0)))


class Owner(Lived):
    def _possible(self, choice: int) -> str:
        possible = IN_A_TURN if self.turn else WITH_A_LEASE if self.lease else ("take",)
        return possible[choice % len(possible)]

    def _take(self) -> None:
        self.lease = try_to_take(self.database, self.session_id)

    def _begin(self) -> None:
        """What a slice does with a session that it has taken."""
        lease, head = self._mine(), self._head()
        if lease.is_paused:
            self._leave(put_down.put_down, lease)
        elif head is None and lease.archiving_since is not None:
            self._leave(retirement.archive, lease, ArchiveReason.USER, "Summary.", None, None)
        elif head is None:
            self._leave(pauses.rest, lease, NO_LIMITS)
        elif head.stop_request:
            stopped = Turn(lease, head, None, NO_LIMITS)
            self._leave(turns.stop, stopped, StopRequest(head.stop_request), None)
        elif not is_due(head, lease.now):
            self._leave(pauses.hand_back, lease, 1.0)
        else:
            self._step(lease, head)

    def _step(self, lease: Lease, head: Task) -> None:
        try:
            self.turn = self._write(self._first_write, lease, head)
        except SessionPaused:
            self._leave(put_down.put_down, lease)

    def _first_write(self, connection: Connection, lease: Lease, head: Task) -> Turn:
        turn = turns.begin(connection, lease, head, NO_LIMITS)
        self.began_paused |= leases.guard(connection, lease, 0).is_paused
        context = sessions.get(connection, DEFAULT_WORKSPACE, self.session_id).context
        self.began_in_the_past |= turn.lease.context != context
        return turn

    def _succeed(self) -> None:
        self._leave(turns.succeed, self._taken(), reply())

    def _fail(self) -> None:
        self._leave(turns.fail, self._taken(), OVERLOADED, None)

    def _park(self) -> None:
        self._leave(pauses.park, self._taken(), Pause(WaitReason.RETRY, 0.0, OVERLOADED), None)

    def _put_down(self) -> None:
        turn = self._taken()
        self._leave(put_down.put_down, turn.lease, turn)

    def _expire(self) -> None:
        """An owner who finds nothing to do; a task that has arrived wins."""
        if self._head() is None and self._write(retirement.archive, self._mine(), ArchiveReason.IDLE, None, None, None):
            self.lease = None
        else:
            self._begin()

    def _hand_over(self) -> None:
        """The same, for one that goes on in another."""
        end = partial(succession.hand_over, max_age=None, idle_check=0.0)
        if self._head() is None and self._write(end, self._mine(), ArchiveReason.TOO_LONG, "Summary.", None):
            self.lease = None
            successor = self._row().continued_by
            assert successor is not None
            assert session(self.database, successor).continues == self.session_id
        else:
            self._begin()

    def _die(self) -> None:
        """Its owner is silent until its lease has run out, and another is there."""
        self._write(_run_out, self.session_id)
        self.ghost, self.turn = self.turn, None
        self.lease = try_to_take(self.database, self.session_id, "other#1")
        if self.lease is None:  # it is closed
            self.ghost = None

    def _leave(self, verb: Callable[..., Any], *values: Any) -> None:
        """The end of what an owner does: with work left he begins anew, as somebody else would."""
        lease, self.turn = self.lease, None
        try:
            self._write(verb, *values)
        finally:
            self.lease = None
            if lease is not None and self._row().lease_token == lease.token:
                self._write(leases.let_go, lease, clock(self.database))

    def _mine(self) -> Lease:
        assert self.lease is not None
        return self.lease

    def _taken(self) -> Turn:
        assert self.turn is not None
        return self.turn
