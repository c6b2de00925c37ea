"""The agents that take turns in a session, and what each of them works with for the length of a slice."""

from overnight.store.leases import Lease
from worker.equipment import Equipment
from worker.process import Process


class Cast:
    """`own` is the lease as it was taken: with the session's own agent."""

    def __init__(self, process: Process, own: Lease) -> None:
        self.own = own
        self._process = process
        self._equipment: dict[tuple[str, int] | None, Equipment] = {}

    def equipment(self, lease: Lease) -> Equipment:
        """Of the agent whose turn it is."""
        if lease.reader not in self._equipment:
            self._equipment[lease.reader] = Equipment(self._process, lease)
        return self._equipment[lease.reader]

    def close(self) -> None:
        """Ends what a slice must not leave running."""
        for equipment in self._equipment.values():
            equipment.close()
