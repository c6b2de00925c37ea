"""In which workspaces somebody has a budget: known a second later than SQL, so that all others need not look."""

from overnight.models import Task
from overnight.store import turns
from overnight.store.leases import Lease


class Budgeted:
    """Read from any thread, told by the keeper."""

    def __init__(self) -> None:
        self._workspaces: frozenset[str] | None = None

    def has(self, workspace_id: str) -> bool:
        """Until it is known, everybody may: who looks for a budget in vain has lost a moment."""
        return self._workspaces is None or workspace_id in self._workspaces

    def concern(self, lease: Lease, task: Task) -> bool:
        """Whether there may be a budget to look at before a request of `task`."""
        return lease.has_budget or not turns.is_unlimited(task) or self.has(lease.workspace_id)

    def learn(self, workspaces: frozenset[str]) -> None:
        self._workspaces = workspaces
