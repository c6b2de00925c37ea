"""The part of a session's ledger that is sent, as its owner reads it."""

from collections.abc import Iterable
from typing import Any

from overnight.history.context import Entry, recalled
from overnight.store import contexts, ledger
from overnight.store.database import Database
from overnight.store.leases import Lease


def load_history(database: Database, lease: Lease) -> list[Entry]:
    """No row that is not sent is read."""
    if lease.ledger_seq == lease.context_from and not lease.context:
        return []
    with database.read() as connection:
        remembered = contexts.find(connection, lease.session_id, lease.context)
        rows = ledger.load(connection, lease.session_id, lease.context_from)
    return recalled(remembered.summary, _entries(remembered.kept), _entries(rows))


def _entries(rows: Iterable[Any]) -> list[Entry]:
    return [Entry(row.seq, row.role, row.content, row.created_at) for row in rows]
