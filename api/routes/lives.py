"""A session as a whole: pause, resume, extend, archive, fork."""

from collections.abc import Callable

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api import branching, render
from api.answers_sessions import SessionAnswer
from api.documented import failures, shown
from api.failures import Json
from api.idempotent import IdempotencyKey, perform
from api.parts import parts_of, workspace_of
from api.routes.sessions import PREFIX, SessionId
from api.schemas_endings import ArchiveRequest, ExtendRequest, ResumeRequest
from api.schemas_lives import ForkRequest
from overnight.states import Life
from overnight.store import archiving, pausing, reviving, session_pages, sessions
from overnight.store.pausing import Moved
from overnight.store.submissions import WAKE_GRACE

router = APIRouter(prefix=PREFIX, tags=["sessions"])


@router.post("/{session_id}/pause", responses={**shown(SessionAnswer), **failures(404)})
def pause_session(request: Request, session_id: SessionId) -> Response:
    """Nothing begins in it until it is resumed; tasks are taken and kept. A request to Claude that is under way ends at
    once, calls of tools come to their end first: until then its `state` is `pausing`."""
    return _moved(request, session_id, pausing.pause)


@router.post("/{session_id}/resume", responses={**shown(SessionAnswer), **failures(404)})
def resume_session(request: Request, session_id: SessionId, body: ResumeRequest | None = None) -> Response:
    """A paused session goes on where it was; an archived one from its summary, or in full, as `from` says."""
    origin = body.origin if body else None

    def move(connection: Connection, workspace_id: str, session_id: str) -> Moved:
        if sessions.get(connection, workspace_id, session_id).life != Life.ARCHIVED:
            return pausing.resume(connection, workspace_id, session_id)
        # A worker reckons at once when it ends: what holds for it is said at several places.
        return reviving.revive(connection, workspace_id, session_id, origin, idle_check=WAKE_GRACE)

    return _moved(request, session_id, move)


@router.post("/{session_id}/extend", responses={**shown(SessionAnswer), **failures(404)})
def extend_session(request: Request, session_id: SessionId, body: ExtendRequest | None = None) -> Response:
    """Puts its end off, as if it had been used now, or for so long from now."""
    seconds = body.seconds if body else None

    def move(connection: Connection, workspace_id: str, session_id: str) -> Moved:
        reviving.extend(connection, workspace_id, session_id, seconds)
        return Moved(changed=True)

    return _moved(request, session_id, move)


@router.post("/{session_id}/archive", responses={**shown(SessionAnswer), **failures(404)})
def archive_session(request: Request, session_id: SessionId, body: ArchiveRequest | None = None) -> Response:
    """Ends the session: what was not finished is cancelled, what was said stays readable. At once; with `summary` when
    Claude has written one, unless something is sent to the session before that."""
    with_summary = body is not None and body.summary

    def move(connection: Connection, workspace_id: str, session_id: str) -> Moved:
        if with_summary:
            return archiving.archive_with_summary(connection, workspace_id, session_id)
        sessions.archive(connection, workspace_id, session_id)
        return Moved(changed=True)

    return _moved(request, session_id, move)


@router.post("/{session_id}/fork", responses={**shown(SessionAnswer), **failures(404, 413)})
def fork_session(
    request: Request, session_id: SessionId, body: ForkRequest | None = None, idempotency_key: IdempotencyKey = None
) -> Response:
    """A new session that begins with this one's ledger, whatever this one is doing; `forked_at` says up to where.

    Files of its workspace folder stay with this one: the fork begins with an empty folder.
    """
    workspace_id, settings = workspace_of(request), parts_of(request).settings
    wish = body or ForkRequest()
    return perform(
        request,
        wish,
        idempotency_key,
        lambda connection: branching.fork(connection, workspace_id, session_id, wish, settings),
        location=PREFIX,
    )


def _moved(request: Request, session_id: str, move: Callable[[Connection, str, str], Moved]) -> Response:
    parts, workspace_id = parts_of(request), workspace_of(request)
    with parts.database.write() as connection:
        moved = move(connection, workspace_id, session_id)
        seen = session_pages.find(connection, workspace_id, session_id)
    if moved.wake:
        parts.after_commit.wake(session_id)
    parts.after_commit.hint_stop(session_id)
    parts.after_commit.nudge(session_id)
    return Json(render.session(seen, parts.settings))
