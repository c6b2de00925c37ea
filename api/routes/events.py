"""`/v1/sessions/{id}/events`: send, list, stream."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from api import paging, render, sending
from api.answers_sessions import EventPage, SentEvents
from api.auth import secret_of
from api.documented import failures, shown
from api.idempotent import IdempotencyKey, perform
from api.parts import Parts, parts_of, workspace_of
from api.routes.sessions import PREFIX, SessionId
from api.schemas_sessions import EventList, EventsRequest, StreamQuery
from api.stream import CLOSING_NOTICED, Listener
from overnight.errors import InvalidRequest
from overnight.models import Session
from overnight.store import events, sessions

router = APIRouter(prefix=f"{PREFIX}/{{session_id}}/events", tags=["events"])

#: A listener that takes nothing for so long is gone.
SEND_TIMEOUT = 30.0
EVENT_STREAM = {"text/event-stream": {"schema": {"type": "string"}}}
LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="Begin after this event, from 0; absent: with what comes now")
]


@router.post("", responses={**shown(SentEvents), **failures(404, 413)})
def send_events(
    request: Request, session_id: SessionId, body: EventsRequest, idempotency_key: IdempotencyKey = None
) -> Response:
    """All of the events or none: each `user.message` is a task, `user.interrupt` stops the one that runs.

    `user.tool_confirmation`, `user.custom_tool_result` and `user.tool_result` answer the calls that
    `stop_reason.event_ids` of a `session.status_idle` names. An answer may be repeated;
    another one to the same call is refused.
    """
    workspace_id, settings = workspace_of(request), parts_of(request).settings
    return perform(
        request,
        body,
        idempotency_key,
        lambda connection: sending.events(connection, workspace_id, session_id, body, settings),
    )


@router.get("", responses={**shown(EventPage), **failures(404)})
def list_events(request: Request, session_id: SessionId, query: Annotated[EventList, Query()]) -> Response:
    cursor = paging.seq_of(query.page)
    with parts_of(request).database.read() as connection:
        sessions.get(connection, workspace_of(request), session_id)
        found = events.page(
            connection,
            session_id,
            limit=query.limit + 1,
            cursor=cursor,
            newest_first=query.order == "desc",
            types=query.types,
            since=query.since,
            until=query.until,
        )
    return paging.listed(found, query.limit, render.event, lambda row: (row.seq,))


@router.get(
    "/stream",
    response_class=EventSourceResponse,
    responses={200: {"description": "Server-sent events", "content": EVENT_STREAM}, **failures(404)},
)
async def stream_events(
    request: Request,
    session_id: SessionId,
    query: Annotated[StreamQuery, Query()],
    last_event_id: LastEventId = None,
) -> Response:
    """Events as they happen, for the session's whole life; with `event_deltas[]`, also Claude's words as they come."""
    parts, workspace_id = parts_of(request), workspace_of(request)
    after = _number(last_event_id if last_event_id is not None else query.last_event_id)
    session = await run_in_threadpool(_session, parts, workspace_id, session_id)
    start = session.event_seq if after is None else after
    listener = Listener(parts, secret_of(request.headers), session_id, start, frozenset(query.event_deltas))
    return EventSourceResponse(
        listener.records(),
        ping=parts.settings.keep_alive,
        ping_message_factory=lambda: ServerSentEvent(comment="keep-alive", sep="\n"),
        send_timeout=SEND_TIMEOUT,
        shutdown_event=listener.closing,
        shutdown_grace_period=3 * CLOSING_NOTICED,
    )


def _session(parts: Parts, workspace_id: str, session_id: str) -> Session:
    with parts.database.read() as connection:
        return sessions.get(connection, workspace_id, session_id)


def _number(last_event_id: str | None) -> int | None:
    if last_event_id is None:
        return None
    text = last_event_id.strip()
    if not (text.isascii() and text.isdecimal()) or int(text) > paging.BIGGEST:
        raise InvalidRequest("Last-Event-ID: must be the id of an event of this stream, or 0", field="Last-Event-ID")
    return int(text)
