"""What a POST answered, kept under its key by the transaction that did it, so that a repeat answers the same."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select
from sqlmodel import col

from overnight.errors import IdempotencyMismatch
from overnight.models import Idempotency
from overnight.store.clock import now


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Earlier:
    """An answer that was given at `at`, `age` seconds ago."""

    answer: Answer
    at: datetime
    age: float


def recall(connection: Connection, workspace_id: str, key: str, fingerprint: str) -> Earlier | None:
    """The earlier answer to this key. Raises `IdempotencyMismatch` when it answered another request."""
    columns = (Idempotency.fingerprint, Idempotency.status, Idempotency.body, Idempotency.created_at)
    statement = select(*map(col, columns), now().label("now")).where(*_named(workspace_id, key))
    row = connection.execute(statement).first()
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise IdempotencyMismatch
    return Earlier(Answer(row.status, row.body), row.created_at, (row.now - row.created_at).total_seconds())


def remember(
    connection: Connection, workspace_id: str, key: str, fingerprint: str, answer: Answer, replaced: Earlier | None
) -> None:
    """Raises `IntegrityError` when a request with the same key has committed meanwhile: roll back and recall."""
    if replaced is not None:
        seen = col(Idempotency.created_at) == replaced.at
        connection.execute(delete(Idempotency).where(*_named(workspace_id, key), seen))
    row = {"workspace_id": workspace_id, "key": key, "fingerprint": fingerprint, "status": answer.status}
    connection.execute(insert(Idempotency).values(**row, body=answer.body, created_at=now()))


def _named(workspace_id: str, key: str) -> tuple[Any, ...]:
    return col(Idempotency.workspace_id) == workspace_id, col(Idempotency.key) == key
