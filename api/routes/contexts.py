"""What of a session is sent to Claude: begin anew, pin a message, let it go."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from api import render
from api.answers_sessions import MessageAnswer, SessionAnswer
from api.documented import failures, shown
from api.failures import Json
from api.parts import parts_of, workspace_of
from api.routes.sessions import PREFIX, SessionId
from overnight.store import pins, session_pages

router = APIRouter(prefix=PREFIX, tags=["sessions"])
Seq = Annotated[int, Path(ge=1, le=2**63 - 1, description="Its place in the ledger")]


@router.post("/{session_id}/reset", responses={**shown(SessionAnswer), **failures(404, 409)})
def reset_session(request: Request, session_id: SessionId) -> Response:
    """A new context: nothing that was said so far is sent any more. It stays readable; pins go. The session is idle."""
    parts, workspace_id = parts_of(request), workspace_of(request)
    with parts.database.write() as connection:
        pins.reset(connection, workspace_id, session_id)
        seen = session_pages.find(connection, workspace_id, session_id)
    parts.after_commit.nudge(session_id)
    return Json(render.session(seen, parts.settings))


@router.post("/{session_id}/messages/{seq}/pin", responses={**shown(MessageAnswer), **failures(404)})
def pin_message(request: Request, session_id: SessionId, seq: Seq) -> Response:
    """It is sent whatever is left out, with its tool calls or results; one that was left out comes back."""
    with parts_of(request).database.write() as connection:
        return Json(render.message(pins.pin(connection, workspace_of(request), session_id, seq), pinned=True))


@router.post("/{session_id}/messages/{seq}/unpin", responses={**shown(MessageAnswer), **failures(404)})
def unpin_message(request: Request, session_id: SessionId, seq: Seq) -> Response:
    """It is left out with the next that is."""
    with parts_of(request).database.write() as connection:
        return Json(render.message(pins.unpin(connection, workspace_of(request), session_id, seq), pinned=False))
