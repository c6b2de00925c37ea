"""Every request to Claude that cost something: one row, and its share in the sums of its task and session."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlmodel import col

from overnight.ids import CALL, new_id
from overnight.models import ModelCall, Session, Task, Usage
from overnight.pricing import Tokens, cost_nanousd
from overnight.store.leases import Lease
from overnight.store.prepared import Prepared

COUNTED = tuple(Usage.model_fields)
#: As the rows say now: whoever took the task up may know a user who has been erased since.
WHOSE = func.coalesce(
    select(col(Task.user_id)).where(col(Task.id) == bindparam("task_id")).scalar_subquery(),
    select(col(Session.user_id)).where(col(Session.id) == bindparam("session_id")).scalar_subquery(),
)
TYPES = {name: column.type for name, column in ModelCall.__table__.c.items()}  # type: ignore[attr-defined]
RECORD = Prepared(
    insert(ModelCall).from_select(
        list(TYPES),
        select(*(WHOSE if name == "user_id" else bindparam(name, type_=kind) for name, kind in TYPES.items())),
    )
)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to Claude. `discarded`: its reply was cut, refused or stopped, and paid for all the same."""

    model: str
    tokens: Tokens
    duration_ms: int
    message_id: str | None = None
    purpose: str = "step"
    outcome: str = "kept"
    beside: tuple[tuple[str, Tokens], ...] = ()  # what it also took, by model: see `pricing.beside`

    @property
    def counts(self) -> dict[str, int | None]:
        """By the names of `Usage`."""
        used = self.used
        return {
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
            "cache_write_tokens": used.cache_write_tokens + used.cache_write_1h_tokens,
            "cache_read_tokens": used.cache_read_tokens,
            "cost_nanousd": self._cost,
        }

    @property
    def details(self) -> dict[str, int]:
        """What only the call's own row keeps."""
        used = self.used
        return {"cache_write_1h_tokens": used.cache_write_1h_tokens, "web_searches": used.web_searches}

    @property
    def used(self) -> Tokens:
        """In all, of every model."""
        return sum((tokens for _, tokens in self.beside), self.tokens)

    @property
    def _parts(self) -> tuple[tuple[str, Tokens], ...]:
        return ((self.model, self.tokens), *self.beside)

    @property
    def _cost(self) -> int | None:
        known = [cost for model, tokens in self._parts if (cost := cost_nanousd(model, tokens)) is not None]
        return sum(known) if len(known) == len(self._parts) else None


def added(call: Call | None) -> dict[str, int | None]:
    """What the session's sums grow by."""
    counts = call.counts if call else dict.fromkeys(COUNTED, 0)
    return {f"add_{name}": amount for name, amount in counts.items()}


def totals(task: Task, call: Call | None) -> dict[str, int | None]:
    """The task's sums after the call; a cost that is unknown once stays unknown."""
    if call is None:
        return {}
    return summed(task, call)


def summed(sums: Usage, call: Call) -> dict[str, int | None]:
    """A task's or session's sums after the call."""
    return {name: _sum(getattr(sums, name), amount) for name, amount in call.counts.items()}


def add_up(connection: Connection, task: Task, call: Call | None) -> None:
    """Raises the task's sums where no move of the task does."""
    if call is not None:
        connection.execute(update(Task).where(col(Task.id) == task.id).values(**totals(task, call)))


def record(connection: Connection, lease: Lease, at: datetime, task: Task | None, call: Call) -> None:
    """`task`: for which it was made; a summary is made for none."""
    row: dict[str, Any] = {
        "id": new_id(CALL),
        "workspace_id": lease.workspace_id,
        "session_id": lease.session_id,
        "task_id": task.id if task else None,
        "agent_id": lease.agent_id,
        "purpose": call.purpose,
        "outcome": call.outcome,
        "model": call.model,
        "message_id": call.message_id,
        "duration_ms": call.duration_ms,
        "created_at": at,
        **call.counts,
        **call.details,
    }
    RECORD.run(connection, row)


def _sum(before: int | None, amount: int | None) -> int | None:
    return None if before is None or amount is None else before + amount
