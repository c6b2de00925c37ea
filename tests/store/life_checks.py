"""What holds at every moment of a session's life, and what is left of it in the end."""

from hypothesis.stateful import invariant
from sqlalchemy import func, select
from sqlmodel import SQLModel

from overnight.models import ModelCall
from overnight.states import FINAL, LIFE_MOVES, Life, Removal, TaskStatus, WaitReason
from overnight.store import tombstones
from overnight.store.turn import is_due
from tests.store.every_state import check_numbers
from tests.store.lives import Lived
from tests.store.scenes import DEFAULT_WORKSPACE, calls, clock, ledger

OPEN = (Life.ACTIVE, Life.PAUSED)


class Checks(Lived):
    @invariant()
    def only_legal_moves(self) -> None:
        now = Life(self._row().life)
        assert now == self.life or now in LIFE_MOVES[self.life] or self.life in LIFE_MOVES[now]
        assert self.life != Life.DELETED or now == Life.DELETED
        self.life = now
        assert not self.began_paused, "a step began in a paused session"
        assert not self.began_in_the_past, "a step began in a context that a reset had ended"

    @invariant()
    def an_owner_knows_what_is_sent(self) -> None:
        row = self._row()
        if self.lease is not None and row.lease_owner == self.lease.owner and row.lease_token == self.lease.token:
            assert row.context == self.lease.context, "it was reset in his hands"

    @invariant()
    def nobody_is_forgotten(self) -> None:
        row, at = self._row(), clock(self.database)
        head = self._head()
        if row.life == Life.ACTIVE and head is not None and (is_due(head, at) or head.due_at):
            assert row.wake_at is not None
        if row.life == Life.ACTIVE and head is not None:
            assert head.wait_reason != WaitReason.PAUSED or head.due_at is not None
        if row.life == Life.PAUSED and row.lease_owner is None and head is not None:
            assert head.status != TaskStatus.RUNNING or row.wake_at is not None, "somebody puts it down"
        assert row.archiving_since is None or row.life != Life.ACTIVE or row.wake_at is not None
        if row.life not in OPEN:
            assert row.archiving_since is None
            assert {task.status for task in self._tasks()} <= FINAL
            assert (row.lease_owner, row.wake_at) == (None, None), "whoever had it may do nothing more"

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        paid = {call.id for call in calls(self.database, self.session_id)}
        assert paid >= self.paid, "what was paid stays in the sums"
        self.paid = paid
        if self.is_going:
            return
        assert [task.id for task in self._tasks()] == self.accepted
        done = [task.id for task in self._tasks() if task.status == TaskStatus.SUCCEEDED]
        assert [row.task_id for row in self._said()] == [task_id for task_id in done for _ in range(2)]
        if self.life in OPEN:
            check_numbers(self.database, self.session_id)

    def nothing_is_left(self) -> None:
        """But its tombstone, which has counted what went, what it has cost, and whoever was forked from it."""
        left = {name: rows for name in _tables() if (rows := self._count(name))}
        assert left == ({ModelCall.__tablename__: len(self.paid)} if self.paid else {})
        with self.database.read() as connection:
            stone = tombstones.latest(connection, DEFAULT_WORKSPACE, Removal.SESSION, self.session_id)
        assert stone is not None
        assert stone.finished_at is not None
        assert (stone.removed["sessions"], stone.removed["tasks"]) == (1, len(self.accepted))
        assert {name: len(ledger(self.database, name)) for name in self.forks} == self.forks

    def _count(self, name: str) -> int:
        table = SQLModel.metadata.tables[name]
        mine = table.c.id if name == "sessions" else table.c.session_id
        with self.database.read() as connection:
            rows = select(func.count()).select_from(table).where(mine == self.session_id)
            return int(connection.execute(rows).scalar_one())


def _tables() -> list[str]:
    """All that have rows of sessions."""
    return [name for name, table in SQLModel.metadata.tables.items() if name == "sessions" or "session_id" in table.c]
