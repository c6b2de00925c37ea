"""One session as tests of whole lives know it: what was accepted in it, what its last owner believes, and its rows."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from overnight.errors import Conflict, IllegalMove, InvalidRequest, LeaseLost, NotFound, SessionPaused
from overnight.models import Message, Session, Task
from overnight.states import Life
from overnight.store import ledger, tasks
from overnight.store.database import Database
from overnight.store.leases import Lease
from overnight.store.rows import every, first
from overnight.store.turn import Turn
from tests.store.scenes import new_session

#: What may happen to an owner, or be refused to a caller, without anything being wrong.
LEGAL = (LeaseLost, SessionPaused, InvalidRequest, IllegalMove, Conflict)


class Lived:
    """`turn` is what its last owner believes; he may have been wrong for long."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.session_id = new_session(self.database)
        self.lease: Lease | None = None
        self.turn: Turn | None = None
        self.ghost: Turn | None = None
        self.happened = 0
        self.accepted: list[str] = []
        self.snapshots: list[str] = []
        self.forks: dict[str, int] = {}  # and how much of the ledger each has
        self.paid: set[str] = set()
        self.life = Life.ACTIVE
        self.began_paused = False
        self.began_in_the_past = False
        self.is_going = False  # some of its rows are gone
        self.last: tuple[str, ...] = ()

    def _do(self, what: str) -> None:
        """Anything may be refused, but it is never not found before it was deleted."""
        self.happened += 1
        with suppress(*LEGAL):
            try:
                getattr(self, f"_{what}")()
            except NotFound:
                assert self._row().life == Life.DELETED

    def _write(self, verb: Callable[..., Any], *values: Any) -> Any:
        with self.database.write() as connection:
            return verb(connection, *values)

    def _row(self) -> Session:
        """As deleted, when it is gone."""
        with self.database.read() as connection:
            row = first(connection, Session, select(Session).where(col(Session.id) == self.session_id))
        return row or Session.model_construct(life=Life.DELETED, lease_owner=None, lease_token=0, wake_at=None)

    def _head(self) -> Task | None:
        with self.database.read() as connection:
            return tasks.head(connection, self.session_id)

    def _said(self) -> list[Message]:
        """Wherever its rows are."""
        with self.database.read() as connection:
            return list(ledger.page(connection, self.session_id, limit=1_000, cursor=None))

    def _tasks(self) -> list[Task]:
        with self.database.read() as connection:
            mine = select(Task).where(col(Task.session_id) == self.session_id).order_by(col(Task.seq))
            return list(every(connection, Task, mine))
