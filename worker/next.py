"""Where a session stands after a step."""

from dataclasses import dataclass

from overnight.store.leases import Lease
from overnight.store.turn import Following
from worker.context import Entry


@dataclass(frozen=True, slots=True)
class Next:
    """Where the session stands after a step: the lease as it is now, and what follows; without that it was let go.

    `history` is what the next request sends before its prompt, where that is known without reading it again.
    """

    lease: Lease
    following: Following
    history: list[Entry] | None = None
