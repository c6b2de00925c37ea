"""`/v1/sessions`: create, get, list, change, delete, and what was said."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api import changing, exporting, importing, paging, render, submitting
from api.answers_sessions import DeletedSession, MessagePage, SentPage, SessionAnswer, SessionPage
from api.documented import failures, shown
from api.failures import Json
from api.idempotent import IdempotencyKey, Outcome, perform
from api.parts import actor_of, parts_of, workspace_of
from api.schemas_portable import SessionFile
from api.schemas_sessions import MessageList, SessionChange, SessionList, SessionRequest
from api.text import Text
from overnight.portable import writing
from overnight.store import ledger, pins, sent, session_changes, session_pages, sessions
from overnight.store.idempotency import Answer

PREFIX = "/v1/sessions"
router = APIRouter(prefix=PREFIX, tags=["sessions"])
SessionId = Annotated[Text, Path(description="`sesn_…`")]


@router.post("", responses={**shown(SessionAnswer), **failures(413)})
def create_session(request: Request, body: SessionRequest, idempotency_key: IdempotencyKey = None) -> Response:
    """A new conversation, at work at once if it has `initial_events`."""
    workspace_id, settings = workspace_of(request), parts_of(request).settings
    return perform(
        request,
        body,
        idempotency_key,
        lambda connection: submitting.session(connection, workspace_id, body, settings),
        location=PREFIX,
    )


@router.post("/import", responses={**shown(SessionAnswer), **failures(413)})
def import_session(request: Request, body: SessionFile, idempotency_key: IdempotencyKey = None) -> Response:
    """A session out of a file of `GET /v1/sessions/{session_id}/export`: new ids, the same ledger."""
    workspace_id, settings = workspace_of(request), parts_of(request).settings
    return perform(
        request,
        body,
        idempotency_key,
        lambda connection: importing.session(connection, workspace_id, body, settings),
        location=PREFIX,
    )


@router.get("/{session_id}/export", responses={**shown(SessionFile), **failures(404)})
def export_session(request: Request, session_id: SessionId) -> Response:
    """One file with all that was said, done and paid, which another Overnight can read."""
    with parts_of(request).database.snapshot() as connection:
        session = sessions.get(connection, workspace_of(request), session_id)
        return exporting.sent(writing.session(connection, session), session.id)


@router.get("/{session_id}", responses={**shown(SessionAnswer), **failures(404)})
def get_session(request: Request, session_id: SessionId) -> Response:
    with parts_of(request).database.read() as connection:
        seen = session_pages.find(connection, workspace_of(request), session_id)
    return Json(render.session(seen, parts_of(request).settings))


@router.get("", responses={**shown(SessionPage), **failures()})
def list_sessions(request: Request, query: Annotated[SessionList, Query()]) -> Response:
    """Newest first, and only the open ones, unless told otherwise."""
    query.check()
    place, back = paging.way_of(query.page)
    wanted = query.wanted(oldest_first=(query.order == "asc") is not back)
    with parts_of(request).database.read() as connection:
        found = session_pages.page(connection, workspace_of(request), wanted, limit=query.limit + 1, cursor=place)
    cut, last = paging.cut(found, query.limit)
    rows = cut[::-1] if back else cut
    places = [(row.session.created_at, row.session.id) for row in rows]
    after, before = paging.neighbours(places, begun=place is not None, back=back, more=last is not None)
    settings = parts_of(request).settings
    return Json({"data": [render.session(row, settings) for row in rows], "next_page": after, "prev_page": before})


@router.post("/{session_id}", responses={**shown(SessionAnswer), **failures(404, 409, 413)})
def update_session(
    request: Request, session_id: SessionId, body: SessionChange, idempotency_key: IdempotencyKey = None
) -> Response:
    """Changes what is sent; the rest stays. The new tools hold from the next turn, a higher budget at once."""
    workspace_id, settings = workspace_of(request), parts_of(request).settings

    def act(connection: Connection) -> Outcome:
        amend = changing.amendment(body, settings)
        changed = session_changes.change(connection, workspace_id, session_id, amend, changing.told)
        return Outcome(session_id, Answer(200, render.session(changed.seen, settings)), wake=changed.wake)

    return perform(request, body, idempotency_key, act)


@router.delete("/{session_id}", responses={**shown(DeletedSession), **failures(404)})
def delete_session(request: Request, session_id: SessionId) -> Response:
    """Gone at once for everybody; its rows and files follow, and a tombstone stays in `/v1/audit`."""
    parts = parts_of(request)
    with parts.database.write() as connection:
        sessions.delete(connection, workspace_of(request), session_id, actor=actor_of(request))
    parts.after_commit.hint_stop(session_id)
    parts.after_commit.nudge(session_id)
    return Json({"id": session_id, "type": "session_deleted"})


@router.get("/{session_id}/messages", responses={**shown(MessagePage | SentPage), **failures(404)})
def list_messages(request: Request, session_id: SessionId, query: Annotated[MessageList, Query()]) -> Response:
    """The ledger, from its beginning: what was sent to and received from Claude, verbatim."""
    cursor = paging.seq_of(query.page)
    with parts_of(request).database.read() as connection:
        session = sessions.get(connection, workspace_of(request), session_id)
        if query.as_sent is not None:
            return Json(render.sent(sent.of_reply(connection, session_id, query.as_sent), session.system))
        found = ledger.page(connection, session_id, limit=query.limit + 1, cursor=cursor)
        pinned = pins.pinned(connection, session_id, cursor or 0, found[-1].seq) if found else set()
    return paging.listed(
        found, query.limit, lambda row: render.message(row, pinned=row.seq in pinned), lambda row: (row.seq,)
    )
