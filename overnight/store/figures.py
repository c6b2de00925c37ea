"""What is going on in the whole installation, counted."""

from collections.abc import Mapping

from sqlalchemy import Connection, func, select
from sqlmodel import col

from overnight.models import Task
from overnight.store import tasks


def unfinished_tasks(connection: Connection) -> Mapping[tuple[str, str], int]:
    """How many there are of each status and reason for waiting; the latter is "" where a task does not wait."""
    kind = (col(Task.status), func.coalesce(col(Task.wait_reason), ""))
    counted = select(*kind, func.count()).where(tasks.IS_UNFINISHED).group_by(*kind)
    return {(status, reason): number for status, reason, number in connection.execute(counted)}
