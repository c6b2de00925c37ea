"""A session's life in any order: what callers, owners, time and death do to it, one after the other and two at once."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from overnight.errors import Conflict, IllegalMove, InvalidRequest, LeaseLost, SessionPaused
from overnight.models import Message, Task
from overnight.states import FINAL, LIFE_MOVES, ArchiveReason, Life, Origin, StopRequest, TaskStatus, WaitReason
from overnight.store import (
    archiving,
    forks,
    leases,
    packs,
    pauses,
    pausing,
    put_down,
    retirement,
    reviving,
    sessions,
    snapshots,
    succession,
    tasks,
    turns,
)
from overnight.store import ledger as messages
from overnight.store.database import Database
from overnight.store.leases import Lease
from overnight.store.rows import every
from overnight.store.turn import Pause, Turn, is_due
from tests.store.every_state import cancel, check_numbers, interrupt
from tests.store.scenes import (
    DEFAULT_WORKSPACE,
    NO_LIMITS,
    OVERLOADED,
    at_once,
    change,
    clock,
    ledger,
    new_session,
    reply,
    session,
    submit,
    try_to_take,
)

#: What may happen to an owner, or be refused to a caller, without anything being wrong.
LEGAL = (LeaseLost, SessionPaused, InvalidRequest, IllegalMove, Conflict)
CALLERS = (
    "submit",
    "pause",
    "pause",
    "resume",
    "resume",
    "cancel",
    "interrupt",
    "fork",
    "snapshot",
    "revive",
    "pack",
    "extend",
    "wish",
)
IN_A_TURN = ("succeed", "fail", "park", "put_down", "die")
#: Of what an owner can do: not of what he could when it was drawn, as races make that differ from run to run.
CHOICE = st.integers(0, 59)
WITH_A_LEASE = ("begin", "begin", "expire", "hand_over", "die")


class AnyLife(RuleBasedStateMachine):
    """One session. `turn` is what its last owner believes; he may have been wrong for long."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.session_id = new_session(self.database)
        self.lease: Lease | None = None
        self.turn: Turn | None = None
        self.ghost: Turn | None = None
        self.names = 0
        self.accepted: list[str] = []
        self.began_paused = False
        self.life = Life.ACTIVE

    @initialize(tasks=st.integers(1, 3))
    def with_work(self, tasks: int) -> None:
        for _ in range(tasks):
            self._submit()

    @rule(what=st.sampled_from(CALLERS))
    def a_caller(self, what: str) -> None:
        self._do(what)

    @rule(choice=CHOICE)
    def an_owner(self, choice: int) -> None:
        self._do(self._possible(choice))

    @rule(choice=CHOICE, caller=st.sampled_from(CALLERS))
    def both_at_once(self, choice: int, caller: str) -> None:
        owner = self._possible(choice)
        at_once(2, lambda place: self._do((caller, owner)[place]))

    @rule(choice=CHOICE)
    def somebody_ends_it(self, choice: int) -> None:
        owner = self._possible(choice)
        if len(self.accepted) > 4:
            end = ("archive", "wish")[choice % 2]
            at_once(2, lambda place: self._do((end, owner)[place]))
        else:
            self._do("submit")

    @rule()
    def a_ghost(self) -> None:
        """One who has let go, or lost the session, and does not know."""
        if self.ghost is not None:
            with pytest.raises(LeaseLost):
                self._write(turns.succeed, self.ghost, reply())
        else:
            self._do(self._possible(0))

    @invariant()
    def only_legal_moves(self) -> None:
        now = Life(session(self.database, self.session_id).life)
        assert now == self.life or now in LIFE_MOVES[self.life] or self.life in LIFE_MOVES[now]
        self.life = now
        assert not self.began_paused, "a step began in a paused session"

    @invariant()
    def nobody_is_forgotten(self) -> None:
        row, at = session(self.database, self.session_id), clock(self.database)
        head = self._head()
        if row.life == Life.ACTIVE and head is not None and (is_due(head, at) or head.due_at):
            assert row.wake_at is not None
        if row.life == Life.ACTIVE and head is not None:
            assert head.wait_reason != WaitReason.PAUSED or head.due_at is not None
        if row.life == Life.PAUSED and row.lease_owner is None and head is not None:
            assert head.status != TaskStatus.RUNNING or row.wake_at is not None, "somebody puts it down"
        assert row.archiving_since is None or row.life != Life.ACTIVE or row.wake_at is not None
        if row.life == Life.ARCHIVED:
            assert row.archiving_since is None
            assert {task.status for task in self._tasks()} <= FINAL

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        assert [task.id for task in self._tasks()] == self.accepted
        said = self._said()
        done = [task.id for task in self._tasks() if task.status == TaskStatus.SUCCEEDED]
        assert [row.task_id for row in said] == [task_id for task_id in done for _ in range(2)]
        if session(self.database, self.session_id).life != Life.ARCHIVED:
            check_numbers(self.database, self.session_id)

    def teardown(self) -> None:
        if self.life == Life.ARCHIVED:
            return
        self._do("resume")
        self._do("die")
        for _ in range(4 * len(self.accepted) + 4):
            self._do(self._possible(0))
        assert {task.status for task in self._tasks()} <= FINAL
        self.nothing_is_lost_or_doubled()

    def _do(self, what: str) -> None:
        with suppress(*LEGAL):
            getattr(self, f"_{what}")()

    # Callers

    def _submit(self) -> None:
        self.accepted.append(submit(self.database, self.session_id).task.id)

    def _pause(self) -> None:
        self._write(pausing.pause, DEFAULT_WORKSPACE, self.session_id)

    def _resume(self) -> None:
        self._write(pausing.resume, DEFAULT_WORKSPACE, self.session_id)

    def _cancel(self) -> None:
        if self.accepted:
            cancel(self.database, self.accepted[-1])

    def _interrupt(self) -> None:
        interrupt(self.database, self.session_id)

    def _fork(self) -> None:
        with self.database.write() as connection:
            new_id = forks.fork(connection, DEFAULT_WORKSPACE, self.session_id, idle_check=0)
        copied = [(row.seq, row.task_id) for row in ledger(self.database, new_id)]
        assert copied == [(row.seq, row.task_id) for row in self._said()][: len(copied)]
        assert session(self.database, new_id).ledger_seq == len(copied)

    def _snapshot(self) -> None:
        self.names += 1
        self._write(snapshots.take, DEFAULT_WORKSPACE, self.session_id, str(self.names))

    def _revive(self) -> None:
        self._write(partial(reviving.revive, idle_check=0), DEFAULT_WORKSPACE, self.session_id, Origin.FULL)

    def _pack(self) -> None:
        self._write(packs.pack_some, self.session_id, 3)

    def _extend(self) -> None:
        self._write(reviving.extend, DEFAULT_WORKSPACE, self.session_id, 60.0)

    def _archive(self) -> None:
        self._write(sessions.archive, DEFAULT_WORKSPACE, self.session_id)

    def _wish(self) -> None:
        self._write(archiving.archive_with_summary, DEFAULT_WORKSPACE, self.session_id)

    # Owners

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
            self.turn = self._write(_begin, lease, head, self)
        except SessionPaused:
            self._leave(put_down.put_down, lease)

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
            successor = session(self.database, self.session_id).continued_by
            assert successor is not None
            assert session(self.database, successor).continues == self.session_id
        else:
            self._begin()

    def _die(self) -> None:
        """Its owner is silent until its lease has run out, and another is there."""
        if session(self.database, self.session_id).lease_owner:
            with suppress(IntegrityError):  # whoever ends the session has just freed it
                change(self.database, self.session_id, lease_expires_at=-1.0, wake_at=-1.0)
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
            if lease is not None and session(self.database, self.session_id).lease_token == lease.token:
                self._write(leases.let_go, lease, clock(self.database))

    def _mine(self) -> Lease:
        assert self.lease is not None
        return self.lease

    def _taken(self) -> Turn:
        assert self.turn is not None
        return self.turn

    # Within

    def _head(self) -> Task | None:
        with self.database.read() as connection:
            return tasks.head(connection, self.session_id)

    def _said(self) -> list[Message]:
        """Wherever its rows are."""
        with self.database.read() as connection:
            return list(messages.page(connection, self.session_id, limit=1_000, cursor=None))

    def _tasks(self) -> list[Task]:
        with self.database.read() as connection:
            mine = select(Task).where(col(Task.session_id) == self.session_id).order_by(col(Task.seq))
            return list(every(connection, Task, mine))

    def _write(self, verb: Callable[..., Any], *values: Any) -> Any:
        with self.database.write() as connection:
            return verb(connection, *values)


def _begin(connection: Any, lease: Lease, head: Task, machine: AnyLife) -> Turn:
    turn = turns.begin(connection, lease, head, NO_LIMITS)
    machine.began_paused |= leases.guard(connection, lease, 0).is_paused
    return turn


def test_a_sessions_life(database: Database) -> None:
    machine = type("Life", (AnyLife,), {"database": database})
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    bounds = settings(
        max_examples=15,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=checks,
        derandomize=True,
        phases=[Phase.generate],  # what fails in a race cannot be made smaller
    )
    run_state_machine_as_test(machine, settings=bounds)
