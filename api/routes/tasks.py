"""`/v1/tasks`: submit, poll, list, cancel, retry."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api import paging, render, submitting
from api.answers_tasks import AcceptedTask, TaskAnswer, TaskEstimate, TaskPage
from api.documented import failures, shown
from api.estimating import estimate
from api.failures import Json
from api.idempotent import IdempotencyKey, perform
from api.parts import parts_of, workspace_of
from api.schemas_tasks import RetryRequest, TaskChange, TaskList, TaskQuery, TaskRequest
from api.text import Text
from api.waiting import settled
from overnight.ceilings import Ceiling
from overnight.store import pending, submissions, task_budgets, tasks

PREFIX = "/v1/tasks"
router = APIRouter(prefix=PREFIX, tags=["tasks"])
ACCEPTED = {
    **shown(AcceptedTask, 202, "Accepted: it will run"),
    **shown(TaskEstimate, 200, "Of a dry run: nothing was stored"),
}
TaskId = Annotated[Text, Path(description="`task_…`")]


@router.post("", status_code=202, responses={**ACCEPTED, **failures(404, 413)})
def submit_task(request: Request, body: TaskRequest, idempotency_key: IdempotencyKey = None) -> Response:
    """Accepts a task: whatever dies meanwhile, it will run. With `dry_run`: tells what it would take."""
    body.check()
    workspace_id, settings = workspace_of(request), parts_of(request).settings
    if body.dry_run:
        with parts_of(request).database.read() as connection:
            return Json(estimate(connection, workspace_id, body, settings))
    return perform(
        request,
        body,
        idempotency_key,
        lambda connection: submitting.task(connection, workspace_id, body, settings),
        location=PREFIX,
    )


@router.get("/{task_id}", responses={**shown(TaskAnswer), **failures(404)})
async def get_task(request: Request, task_id: TaskId, query: Annotated[TaskQuery, Query()]) -> Response:
    """The task as it is; with `wait`, once it has ended or waits for something, or so many seconds later."""
    return Json(render.task(*await settled(request, task_id, query.wait)))


@router.get("", responses={**shown(TaskPage), **failures()})
def list_tasks(request: Request, query: Annotated[TaskList, Query()]) -> Response:
    """Newest first."""
    with parts_of(request).database.read() as connection:
        found = tasks.page(
            connection,
            workspace_of(request),
            limit=query.limit + 1,
            cursor=paging.place_of(query.page),
            session_id=query.session_id,
            statuses=query.statuses,
            user_id=query.user_id,
            since=query.since,
            until=query.until,
        )
        waiting_for = pending.calls(connection, found[: query.limit])
    return paging.listed(found, query.limit, lambda row: render.task(row, waiting_for.get(row.id, ())), paging.made)


@router.post("/{task_id}", responses={**shown(TaskAnswer), **failures(404, 413)})
def change_task(request: Request, task_id: TaskId, body: TaskChange) -> Response:
    """Another budget; a task that waits for it looks again at once."""
    parts, ceiling = parts_of(request), body.budget.ceiling if body.budget else Ceiling()
    with parts.database.write() as connection:
        task, wake = task_budgets.change(connection, workspace_of(request), task_id, ceiling)
    if wake:
        parts.after_commit.wake(task.session_id, task.id)
    parts.after_commit.nudge(task.session_id)
    return Json(render.task(task))


@router.post("/{task_id}/cancel", responses={**shown(TaskAnswer), **failures(404)})
def cancel_task(request: Request, task_id: TaskId) -> Response:
    """Ends a task that does not run; a running one stops at its next safe point, within a second or two."""
    parts = parts_of(request)
    with parts.database.write() as connection:
        task, wake = submissions.cancel(connection, workspace_of(request), task_id)
    if wake:
        parts.after_commit.wake(task.session_id)
    parts.after_commit.hint_stop(task.session_id)
    parts.after_commit.nudge(task.session_id)
    return Json(render.task(task))


@router.post("/{task_id}/retry", responses={**shown(TaskAnswer), **failures(404)})
def retry_task(request: Request, task_id: TaskId, body: RetryRequest | None = None) -> Response:
    """Runs a failed task again from its last checkpoint; a body may raise the limits that ended it."""
    parts, raised = parts_of(request), (body or RetryRequest()).limits()
    with parts.database.write() as connection:
        most = parts.settings.max_steps
        task, wake = submissions.retry(connection, workspace_of(request), task_id, raised, most_steps=most)
    if wake:
        parts.after_commit.wake(task.session_id, task.id)
    parts.after_commit.nudge(task.session_id)
    return Json(render.task(task))
