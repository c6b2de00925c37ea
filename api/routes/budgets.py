"""`/v1/budgets`: what workspaces and users may spend."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api import paging, render_spending
from api.answers_budgets import BudgetAnswer, BudgetPage, DeletedBudget
from api.documented import failures, shown
from api.failures import Json
from api.idempotent import IdempotencyKey, Outcome, perform
from api.parts import Parts, parts_of, workspace_of
from api.schemas_budgets import BudgetChange, BudgetList, BudgetRequest
from api.text import Text
from overnight.store import shared_budgets
from overnight.store.idempotency import Answer

PREFIX = "/v1/budgets"
router = APIRouter(prefix=PREFIX, tags=["budgets"])
BudgetId = Annotated[Text, Path(description="`bdgt_…`")]


@router.post("", responses={**shown(BudgetAnswer), **failures(413)})
def create_budget(request: Request, body: BudgetRequest, idempotency_key: IdempotencyKey = None) -> Response:
    """Holds within two seconds, also for tasks that run. What was spent of the period before counts."""
    workspace_id = workspace_of(request)

    def act(connection: Connection) -> Outcome:
        seen = shared_budgets.create(connection, workspace_id, body.user_id, body.period, body.ceiling)
        return Outcome(None, Answer(200, render_spending.budget(seen)))

    return perform(request, body, idempotency_key, act, location=PREFIX)


@router.get("/{budget_id}", responses={**shown(BudgetAnswer), **failures(404)})
def get_budget(request: Request, budget_id: BudgetId) -> Response:
    with parts_of(request).database.read() as connection:
        return Json(render_spending.budget(shared_budgets.get(connection, workspace_of(request), budget_id)))


@router.get("", responses={**shown(BudgetPage), **failures()})
def list_budgets(request: Request, query: Annotated[BudgetList, Query()]) -> Response:
    """Newest first."""
    place = paging.place_of(query.page)
    with parts_of(request).database.read() as connection:
        found = shared_budgets.page(
            connection, workspace_of(request), query.user_id, limit=query.limit + 1, cursor=place
        )
    return paging.listed(found, query.limit, render_spending.budget, lambda seen: paging.made(seen.budget))


@router.post("/{budget_id}", responses={**shown(BudgetAnswer), **failures(404, 413)})
def change_budget(request: Request, budget_id: BudgetId, body: BudgetChange) -> Response:
    """Raises or lowers it. All tasks that wait for it look again at once."""
    parts, workspace_id = parts_of(request), workspace_of(request)
    with parts.database.write() as connection:
        shared_budgets.change(connection, workspace_id, budget_id, body.changed)
    let_go_on(parts, workspace_id, budget_id)
    return get_budget(request, budget_id)


@router.delete("/{budget_id}", responses={**shown(DeletedBudget), **failures(404)})
def delete_budget(request: Request, budget_id: BudgetId) -> Response:
    """All tasks that wait for it look again at once."""
    parts, workspace_id = parts_of(request), workspace_of(request)
    with parts.database.write() as connection:
        shared_budgets.remove(connection, workspace_id, budget_id)
    let_go_on(parts, workspace_id, budget_id)
    return Json({"id": budget_id, "type": "budget_deleted"})


def let_go_on(parts: Parts, workspace_id: str, budget_id: str) -> None:
    """Wakes all who wait for it, batch by batch."""
    left = 1
    while left:
        with parts.database.write() as connection:
            left, woken = shared_budgets.let_go_on(connection, workspace_id, budget_id)
        for session_id in woken:
            parts.after_commit.wake(session_id)
