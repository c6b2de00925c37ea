"""The part of a session's ledger that is sent, as its owner reads it."""

from overnight.history.context import Entry, recalled
from overnight.history.sharing import read_by, summary_for
from overnight.store import contexts, ledger
from overnight.store.database import Database
from overnight.store.leases import Lease


def load_history(database: Database, lease: Lease) -> list[Entry]:
    """As the agent reads it whose turn it is. No row that is not sent is read."""
    if lease.ledger_seq == lease.context_from and not lease.context:
        return []
    with database.read() as connection:
        remembered = contexts.find(connection, lease.session_id, lease.context)
        rows = ledger.load(connection, lease.session_id, lease.context_from)
    summary = summary_for(lease.reader, lease.model, remembered.summary, remembered.model)
    return recalled(summary, read_by(lease.reader, remembered.kept), read_by(lease.reader, rows))
