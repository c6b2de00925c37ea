"""The limits of one task that end it before Claude does: its steps and its deadline. Pure."""

from datetime import datetime
from typing import Any

from overnight.models import Task


def exceeded(task: Task, most_steps: int, now: datetime) -> dict[str, Any] | None:
    """The error ({type, message}) with which the task fails instead of taking another step."""
    if task.deadline is not None and task.deadline <= now:
        at = task.deadline.isoformat(timespec="seconds")
        return {"type": "deadline_exceeded", "message": f"its deadline {at} has passed; retry it with a later one"}
    most = task.max_steps or most_steps
    if task.steps >= most and not task.open_calls:
        told = f"it has taken {task.steps} steps and its limit is {most}; retry it with a higher max_steps to go on"
        return {"type": "max_steps_exceeded", "message": told}
    return None
