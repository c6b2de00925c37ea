"""The limits of one task, as callers set and raise them: what would end it at once is refused."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlmodel import col

from overnight.errors import InvalidRequest
from overnight.models import AgentVersion, Session, Task


@dataclass(frozen=True, slots=True)
class TaskLimits:
    """None: as it was."""

    max_steps: int | None = None
    deadline: datetime | None = None

    def changes(self) -> dict[str, Any]:
        said = {"max_steps": self.max_steps, "deadline": self.deadline}
        return {name: value for name, value in said.items() if value is not None}


NO_CHANGE = TaskLimits()


def check_deadline(deadline: datetime | None, at: datetime) -> None:
    """Raises `InvalidRequest` when it is past; `at` is the database's clock."""
    if deadline is not None and deadline <= at:
        past, now = (moment.astimezone(at.tzinfo).isoformat(timespec="seconds") for moment in (deadline, at))
        raise InvalidRequest(f"deadline: {past} is past, it is {now}; give a later one", field="deadline")


def check_retry(connection: Connection, task: Task, at: datetime, most_steps: int) -> None:
    """Whether a task with these limits can take a step; `most_steps`: the built-in agent's. Raises `InvalidRequest`."""
    check_deadline(task.deadline, at)
    most = task.max_steps or _of_its_agent(connection, task) or most_steps
    if task.steps >= most:
        raise InvalidRequest(
            f"max_steps: the task has taken {task.steps} steps and its limit is {most}; give a higher one to go on",
            field="max_steps",
        )


def _of_its_agent(connection: Connection, task: Task) -> int | None:
    """None for the built-in agent, which has no rows."""
    statement = (
        select(col(AgentVersion.max_steps))
        .join(
            Session,
            (col(Session.agent_id) == col(AgentVersion.agent_id))
            & (col(Session.agent_version) == col(AgentVersion.version)),
        )
        .where(col(Session.id) == task.session_id)
    )
    return connection.execute(statement).scalar_one_or_none()
