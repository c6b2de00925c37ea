"""`Idempotency-Key`: what a POST answered, kept by the transaction that did it, so that a repeat answers the same."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlmodel import col

from overnight.errors import IdempotencyMismatch
from overnight.models import Idempotency
from overnight.store.clock import now


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any]


def recall(connection: Connection, workspace_id: str, key: str, fingerprint: str) -> Answer | None:
    """The earlier answer to this key. Raises `IdempotencyMismatch` when it answered another request."""
    statement = select(col(Idempotency.fingerprint), col(Idempotency.status), col(Idempotency.body)).where(
        col(Idempotency.workspace_id) == workspace_id, col(Idempotency.key) == key
    )
    row = connection.execute(statement).first()
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise IdempotencyMismatch
    return Answer(row.status, row.body)


def remember(connection: Connection, workspace_id: str, key: str, fingerprint: str, answer: Answer) -> None:
    """Raises `IntegrityError` when a request with the same key has committed meanwhile: roll back and recall."""
    row = {"workspace_id": workspace_id, "key": key, "fingerprint": fingerprint, "status": answer.status}
    connection.execute(insert(Idempotency).values(**row, body=answer.body, created_at=now()))
