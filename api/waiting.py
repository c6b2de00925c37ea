"""Long-polling: waits for a task without holding a thread or a connection."""

import time

from fastapi.concurrency import run_in_threadpool
from sse_starlette.sse import AppStatus
from starlette.requests import Request

from api.every import Every
from api.parts import Parts, parts_of, workspace_of
from overnight.live import WATCH_SECONDS
from overnight.models import Task, ToolCall
from overnight.states import FINAL, TaskStatus, WaitReason
from overnight.store import pending, tasks

#: A task, and the calls for which it waits for somebody.
Found = tuple[Task, list[ToolCall]]


async def settled(request: Request, task_id: str, seconds: float) -> Found:
    """The task once it has ended or waits for something, else as it is after `seconds`. Raises `NotFound`."""
    parts, workspace_id = parts_of(request), workspace_of(request)
    deadline = time.monotonic() + seconds
    task, calls = await run_in_threadpool(_read, parts, workspace_id, task_id)
    if seconds <= 0 or _is_settled(task, calls):
        return task, calls
    with parts.hub.attach(task.session_id) as feed:
        watch = Every(WATCH_SECONDS / 3)
        while not _is_settled(task, calls) and not await _over(request, deadline):
            if watch.is_due():
                parts.after_commit.watch(task.session_id)
            await feed.wait(min(parts.settings.poll_interval, deadline - time.monotonic()))
            task, calls = await run_in_threadpool(_read, parts, workspace_id, task_id)
    return task, calls


def _is_settled(task: Task, calls: list[ToolCall]) -> bool:
    """It has ended or waits; while an environment's workers carry its calls out, it is as good as running."""
    carried_out = task.wait_reason == WaitReason.TOOL_RESULT and not calls
    return task.status in FINAL or (task.status == TaskStatus.WAITING and not carried_out)


async def _over(request: Request, deadline: float) -> bool:
    """Time is up, the server is stopping, or nobody waits any more."""
    return time.monotonic() >= deadline or AppStatus.should_exit or await request.is_disconnected()


def _read(parts: Parts, workspace_id: str, task_id: str) -> Found:
    with parts.database.read() as connection:
        task = tasks.get(connection, workspace_id, task_id)
        return task, pending.calls(connection, [task]).get(task.id, [])
