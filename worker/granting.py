"""What a session's next request is to the governor."""

from overnight.guessing import in_text
from overnight.models import Task
from overnight.states import Priority
from overnight.store.leases import Lease
from worker.governor.asking import Grant, Refusal, Wish
from worker.process import Process


def reserve(process: Process, lease: Lease, task: Task) -> Grant | Refusal:
    """For the next request of `task`."""
    new = in_text(task.content) if task.steps == 0 else 0.0
    is_background = task.priority == Priority.BACKGROUND
    return process.governor.reserve(*_wish(process, lease, lease.model, new, is_background=is_background))


def at_once(process: Process, lease: Lease, task: Task) -> Grant | None:
    """For a request that may come next; only where it costs no question."""
    if process.budgeted.has(lease.workspace_id):
        return None
    return process.governor.at_once(*_wish(process, lease, lease.model, in_text(task.content)))


def in_background(process: Process, lease: Lease, model: str) -> Grant | Refusal:
    """For a request that nobody waits for."""
    return process.governor.reserve(*_wish(process, lease, model, is_background=True))


def _wish(
    process: Process, lease: Lease, model: str, new: float = 0.0, *, is_background: bool = False
) -> tuple[str, Wish]:
    return process.governor.wish(
        lease.session_id,
        model,
        lease.max_tokens,
        tenant=lease.workspace_id,
        is_background=is_background,
        new=new,
        context=lease.context_tokens,
    )
