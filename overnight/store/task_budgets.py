"""A task's own budget, changed by callers: a task that waits for it goes on."""

from typing import Any

from sqlalchemy import Connection

from overnight.ceilings import Amount, Ceiling, Level, Verdict
from overnight.errors import IllegalMove, InvalidRequest
from overnight.models import Task
from overnight.states import FINAL, TaskStatus, WaitReason
from overnight.store import budgets, tasks
from overnight.store.submissions import call_attention


def change(connection: Connection, workspace_id: str, task_id: str, ceiling: Ceiling) -> tuple[Task, bool]:
    """Sets, raises or (without limits) removes it. Gives the task, and whether to send a wake-up.

    Raises `NotFound`; `IllegalMove` for a task that is over; `InvalidRequest` where it would be reached at once.
    """
    session_id = tasks.get(connection, workspace_id, task_id).session_id
    attention = call_attention(connection, workspace_id, session_id, count=0)
    task = tasks.get(connection, workspace_id, task_id)
    _check(task, ceiling)
    changes: dict[str, Any] = {
        "budget_nanousd": ceiling.nanousd,
        "budget_tokens": ceiling.tokens,
        "budget_warned": False,
    }
    if task.status == TaskStatus.WAITING and task.wait_reason == WaitReason.BUDGET:
        changes["due_at"] = attention.now
    tasks.keep(connection, task, **changes)
    return tasks.get(connection, workspace_id, task_id), attention.wake


def _check(task: Task, ceiling: Ceiling) -> None:
    if task.status in FINAL:
        raise IllegalMove(f"task {task.id} has already {task.status}; only one that goes on can have another budget")
    before = budgets.of_row(Level.TASK, task)
    if task.status == TaskStatus.RUNNING and ceiling.exists and not before.ceiling.exists:
        raise InvalidRequest(
            "budget: the task runs without one; give it one when you submit it, or cancel it", field="budget"
        )
    after = budgets.of_row(
        Level.TASK, task.model_copy(update={"budget_nanousd": ceiling.nanousd, "budget_tokens": ceiling.tokens})
    )
    if after.judge(Amount()) is Verdict.FULL:
        spent = after.spent
        money = "an unknown amount" if spent.nanousd is None else f"${spent.nanousd / 1e9:.4f}"
        raise InvalidRequest(
            f"budget: the task has cost {money} and {spent.tokens:,} tokens so far; give more than that",
            field="budget",
            reason="budget_not_raised",
        )
