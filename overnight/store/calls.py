"""Every request to Claude that cost something: one row, and its share in the sums of its task and session."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, update
from sqlmodel import col

from overnight.ids import CALL, new_id
from overnight.models import ModelCall, Task, Usage
from overnight.pricing import Tokens, cost_nanousd
from overnight.store.bulk import insert_rows
from overnight.store.leases import Lease, Stamp

COUNTED = tuple(Usage.model_fields)


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
    return {name: _sum(getattr(task, name), amount) for name, amount in call.counts.items()}


def add_up(connection: Connection, task: Task, call: Call | None) -> None:
    """Raises the task's sums where no move of the task does."""
    if call is not None:
        connection.execute(update(Task).where(col(Task.id) == task.id).values(**totals(task, call)))


def record(connection: Connection, lease: Lease, stamp: Stamp, task: Task | None, call: Call) -> None:
    """`task`: for which it was made; a summary is made for none."""
    row: dict[str, Any] = {
        "id": new_id(CALL),
        "workspace_id": lease.workspace_id,
        "session_id": lease.session_id,
        "task_id": task.id if task else None,
        "agent_id": lease.agent_id,
        "user_id": (task.user_id if task else None) or lease.user_id,
        "purpose": call.purpose,
        "outcome": call.outcome,
        "model": call.model,
        "message_id": call.message_id,
        "duration_ms": call.duration_ms,
        "created_at": stamp.now,
        **call.counts,
        **call.details,
    }
    insert_rows(connection, ModelCall, [row])


def _sum(before: int | None, amount: int | None) -> int | None:
    return None if before is None or amount is None else before + amount
