"""`/v1/retention` and `/v1/audit`: for how long things are kept, and what was removed."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api import paging, render_users
from api.answers_users import AuditPage, RetentionAnswer
from api.documented import failures, shown
from api.failures import Json
from api.idempotent import IdempotencyKey, Outcome, perform
from api.parts import parts_of, workspace_of
from api.schemas_users import AuditList, RetentionChange
from overnight.store import retention, tombstones
from overnight.store.idempotency import Answer
from overnight.store.retention import Periods

router = APIRouter(tags=["retention"])


@router.get("/v1/retention", responses={**shown(RetentionAnswer), **failures()})
def get_retention(request: Request) -> Response:
    parts = parts_of(request)
    with parts.database.read() as connection:
        own, since = retention.of_workspace(connection, workspace_of(request))
    return Json(render_users.retention(own, since, Periods.of(parts.settings)))


@router.post("/v1/retention", responses={**shown(RetentionAnswer), **failures(413)})
def change_retention(request: Request, body: RetentionChange, idempotency_key: IdempotencyKey = None) -> Response:
    """Holds from the next sweep on, also for what is there already."""
    parts, workspace_id = parts_of(request), workspace_of(request)

    def act(connection: Connection) -> Outcome:
        retention.change(connection, workspace_id, body.model_dump(exclude_unset=True))
        own, since = retention.of_workspace(connection, workspace_id)
        return Outcome(None, Answer(200, render_users.retention(own, since, Periods.of(parts.settings))))

    return perform(request, body, idempotency_key, act)


@router.get("/v1/audit", responses={**shown(AuditPage), **failures()})
def list_removals(request: Request, query: Annotated[AuditList, Query()]) -> Response:
    """Tombstones, newest first: what was removed, by whom, when, and how many rows."""
    place = paging.place_of(query.page)
    with parts_of(request).database.read() as connection:
        found = tombstones.page(
            connection, workspace_of(request), query.subject_id, limit=query.limit + 1, cursor=place
        )
    return paging.listed(found, query.limit, render_users.tombstone, paging.made)
