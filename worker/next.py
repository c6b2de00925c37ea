"""Where a session stands after a step."""

from dataclasses import dataclass, replace

from overnight.history.context import Entry
from overnight.store.leases import Lease
from overnight.store.turn import Following, Turn


@dataclass(frozen=True, slots=True)
class Next:
    """Where the session stands after a step: the lease as it is now, and what follows; without that it was let go.

    `history` is what the next request sends before its prompt, where that is known without reading it again.
    """

    lease: Lease
    following: Following
    history: list[Entry] | None = None


def ended(turn: Turn, following: Following) -> Next:
    """After the end of a task before its next request: calls that were open have their results in the ledger now."""
    written = 1 if turn.task.open_calls else 0
    return Next(replace(turn.lease, ledger_seq=turn.lease.ledger_seq + written), following)
