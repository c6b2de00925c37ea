"""`/v1/usage`, and a session's own: what was spent."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api import paging, render_spending
from api.answers_budgets import SessionUsagePage, UsagePage
from api.documented import failures, shown
from api.failures import Json
from api.moments import time
from api.parts import parts_of, workspace_of
from api.routes.sessions import SessionId
from api.schemas_usage import CallList, UsageQuery
from overnight.store import packs, sessions, usage
from overnight.store.clock import read_clock

router = APIRouter(tags=["usage"])


@router.get("/v1/usage", responses={**shown(UsagePage), **failures()})
def get_usage(request: Request, query: Annotated[UsageQuery, Query()]) -> Response:
    """Tokens and dollars of all requests to Claude, in groups; deleted sessions count, too."""
    query.check()
    after = paging.key_of(query.page, query.group_by)
    with parts_of(request).database.read() as connection:
        wanted = query.wanted(read_clock(connection))
        found = usage.grouped(
            connection, workspace_of(request), query.group_by, wanted, limit=query.limit + 1, after=after
        )
        stored = packs.of_workspace(connection, workspace_of(request))
    rows, last = paging.cut(found, query.limit)
    return Json(
        {
            "since": time(wanted.since),
            "until": time(wanted.until),
            "storage": render_spending.storage(stored),
            "data": [render_spending.group(row) for row in rows],
            "next_page": paging.cursor(*last.key.values()) if last else None,
        }
    )


@router.get("/v1/sessions/{session_id}/usage", responses={**shown(SessionUsagePage), **failures(404)})
def get_session_usage(request: Request, session_id: SessionId, query: Annotated[CallList, Query()]) -> Response:
    """What the session has used in all, and each of its requests with its time, oldest first."""
    cursor = paging.place_of(query.page)
    with parts_of(request).database.read() as connection:
        session = sessions.get(connection, workspace_of(request), session_id)
        found = usage.of_session(connection, session_id, limit=query.limit + 1, cursor=cursor)
        stored = packs.of_session(connection, session_id)
    rows, last = paging.cut(found, query.limit)
    page = {
        "data": [render_spending.call(row) for row in rows],
        "next_page": paging.cursor(*paging.made(last)) if last else None,
    }
    return Json({**render_spending.session(session), "storage": render_spending.storage(stored), **page})
