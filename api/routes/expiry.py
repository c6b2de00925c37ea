"""`/v1/expiry`: how a workspace's sessions end, and what becomes of those that have."""

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.answers_endings import ExpiryAnswer
from api.documented import failures, shown
from api.failures import Json
from api.idempotent import IdempotencyKey, Outcome, perform
from api.moments import time
from api.parts import limits_of, parts_of, workspace_of
from api.schemas_endings import ExpiryChange
from overnight.expiry import SAID
from overnight.settings import Settings
from overnight.store import endings
from overnight.store.endings import Said
from overnight.store.idempotency import Answer

router = APIRouter(tags=["retention"])


@router.get("/v1/expiry", responses={**shown(ExpiryAnswer), **failures()})
def get_expiry(request: Request) -> Response:
    parts = parts_of(request)
    with parts.database.read() as connection:
        said = endings.of_workspace(connection, workspace_of(request))
    return Json(_shown(said, parts.settings))


@router.post("/v1/expiry", responses={**shown(ExpiryAnswer), **failures(413)})
def change_expiry(request: Request, body: ExpiryChange, idempotency_key: IdempotencyKey = None) -> Response:
    """Holds for a session from its next turn on; one that rests keeps the clock it has until then."""
    parts, workspace_id = parts_of(request), workspace_of(request)

    def act(connection: Connection) -> Outcome:
        endings.change(connection, workspace_id, body.model_dump(mode="json", exclude_unset=True))
        said = endings.of_workspace(connection, workspace_id)
        return Outcome(None, Answer(200, _shown(said, parts.settings)))

    return perform(request, body, idempotency_key, act)


def _shown(said: Said, settings: Settings) -> dict[str, Any]:
    held = limits_of(settings).narrowed(said.expiry)
    return {
        "type": "expiry",
        "holds": {name: getattr(held, name) for name in SAID},
        "workspace": {name: said.expiry.get(name) for name in SAID},
        "resume": said.resume,
        "notice": held.notice,
        "updated_at": time(said.updated_at),
    }
