"""What a session's next request is to the governor."""

from overnight.guessing import in_text
from overnight.models import Task
from overnight.states import Priority
from overnight.store.leases import Lease
from worker.governor.asking import Grant, Refusal
from worker.process import Process


def reserve(process: Process, lease: Lease, task: Task) -> Grant | Refusal:
    """For the next request of `task`."""
    new = in_text(task.content) if task.steps == 0 else 0.0
    family, wish = process.governor.wish(
        lease.session_id,
        lease.model,
        lease.max_tokens,
        tenant=lease.workspace_id,
        is_background=task.priority == Priority.BACKGROUND,
        new=new,
    )
    return process.governor.reserve(family, wish)


def at_once(process: Process, lease: Lease, task: Task) -> Grant | None:
    """For a request that may come next; only where it costs no question."""
    if process.budgeted.has(lease.workspace_id):
        return None
    new = in_text(task.content)
    family, wish = process.governor.wish(
        lease.session_id, lease.model, lease.max_tokens, tenant=lease.workspace_id, new=new
    )
    return process.governor.at_once(family, wish)


def in_background(process: Process, lease: Lease, model: str) -> Grant | Refusal:
    """For a request that nobody waits for."""
    family, wish = process.governor.wish(
        lease.session_id, model, lease.max_tokens, tenant=lease.workspace_id, is_background=True
    )
    return process.governor.reserve(family, wish)
