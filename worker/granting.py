"""What a session's next request is to the governor, and waiting in line where there is no room for it."""

from overnight.guessing import in_text
from overnight.history.request import Request
from overnight.models import Task
from overnight.states import Priority
from overnight.store import pauses
from overnight.store.leases import Lease
from overnight.store.turn import Turn
from worker.governor.asking import Grant, Refusal, Wish
from worker.held import Held
from worker.next import Next
from worker.persist import persist
from worker.process import Process


def reserve(process: Process, lease: Lease, task: Task) -> Grant | Refusal:
    """For the next request of `task`."""
    new = in_text(task.content) if task.steps == 0 else 0.0
    wish = _wish(process, lease, lease.model, lease.max_tokens, new, is_background=is_background(task))
    return process.governor.reserve(*wish)


def at_once(process: Process, lease: Lease, task: Task) -> Grant | None:
    """For a request that may come next; only where it costs no question."""
    if process.budgeted.has(lease.workspace_id):
        return None
    return process.governor.at_once(*_wish(process, lease, lease.model, lease.max_tokens, in_text(task.content)))


def for_summary(process: Process, lease: Lease, request: Request, *, is_background: bool) -> Grant | Refusal:
    """Of what the session sent last, perhaps by another model: the limits are that one's."""
    wish = _wish(process, lease, request.model, request.max_tokens, is_background=is_background)
    return process.governor.reserve(*wish)


def is_background(task: Task) -> bool:
    return task.priority == Priority.BACKGROUND


def wait_in_line(process: Process, held: Held, turn: Turn, delay: float) -> Next:
    """Nothing has begun yet, so nothing but the task's row tells of it. Raises `LeaseLost`."""
    persist(process, held, pauses.wait_in_line, turn, delay)
    process.wake_later(turn.lease.session_id, turn.task.id, delay)
    return Next(turn.lease, None)


def _wish(
    process: Process, lease: Lease, model: str, max_tokens: int, new: float = 0.0, *, is_background: bool = False
) -> tuple[str, Wish]:
    return process.governor.wish(
        lease.session_id,
        model,
        max_tokens,
        tenant=lease.workspace_id,
        is_background=is_background,
        new=new,
        context=lease.context_tokens,
    )
