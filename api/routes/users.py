"""`/v1/users`: what is known of somebody, and all of his data: out, in, away."""

import time
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response

from api import exporting, importing, paging, render_users
from api.answers_users import ImportedUser, TombstoneAnswer, UserAnswer, UserPage
from api.documented import failures, shown
from api.failures import Json
from api.idempotent import IdempotencyKey, Outcome, perform
from api.parts import Parts, actor_of, parts_of, workspace_of
from api.schemas_portable import UserFile
from api.schemas_users import UserChange, UserList
from api.text import Name
from overnight.errors import NotFound
from overnight.keeping_models import Tombstone
from overnight.portable import writing
from overnight.states import Removal
from overnight.store import removal, tombstones, users
from overnight.store.idempotency import Answer


class UserPath(Convertor[str]):
    """An id of a caller's own, which may have slashes and lines in it."""

    regex = r"(?s:.+)(?<!/export)(?<!/import)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("user", UserPath())
router = APIRouter(prefix="/v1/users", tags=["users"])
UserId = Annotated[Name, Path(description="Yours: what you send as `user_id`")]
#: Seconds for which a request hides sessions; the sweep does the rest.
AT_ONCE = 2.0


@router.get("", responses={**shown(UserPage), **failures()})
def list_users(request: Request, query: Annotated[UserList, Query()]) -> Response:
    """Those of whom something was said, in the order of their ids."""
    after = paging.key_of(query.page, ["user_id"])
    with parts_of(request).database.read() as connection:
        found = users.page(
            connection, workspace_of(request), limit=query.limit + 1, after=None if after is None else after[0]
        )
    return paging.listed(found, query.limit, render_users.user, lambda known: (known.id,))


@router.get("/{user_id:user}/export", responses={**shown(UserFile), **failures(404)})
def export_user(request: Request, user_id: UserId) -> Response:
    """One file: profile, sessions with all that was said, transcripts of the Agent SDK."""
    with parts_of(request).database.snapshot() as connection:
        return exporting.sent(writing.user(connection, workspace_of(request), user_id), "overnight-user")


@router.post("/{user_id:user}/import", responses={**shown(ImportedUser), **failures(413)})
def import_user(request: Request, user_id: UserId, body: UserFile, idempotency_key: IdempotencyKey = None) -> Response:
    """What the file holds becomes this user's: all of it, or nothing where something is wrong."""
    workspace_id, settings = workspace_of(request), parts_of(request).settings
    return perform(
        request,
        body,
        idempotency_key,
        lambda connection: importing.user(connection, workspace_id, user_id, body, settings),
    )


@router.get("/{user_id:user}", responses={**shown(UserAnswer), **failures(404)})
def get_user(request: Request, user_id: UserId) -> Response:
    """Whoever has a profile, sessions, tasks, budgets, transcripts or costs."""
    with parts_of(request).database.read() as connection:
        return Json(render_users.user(users.find(connection, workspace_of(request), user_id)))


@router.post("/{user_id:user}", responses={**shown(UserAnswer), **failures(413)})
def change_user(
    request: Request, user_id: UserId, body: UserChange, idempotency_key: IdempotencyKey = None
) -> Response:
    """Makes the user where there is none. Holds for sessions that begin from now on, and for one that is reset."""
    workspace_id = workspace_of(request)

    def act(connection: Connection) -> Outcome:
        known = users.change(connection, workspace_id, user_id, body.amended)
        return Outcome(None, Answer(200, render_users.user(known)))

    return perform(request, body, idempotency_key, act)


@router.delete("/{user_id:user}", status_code=202, responses={**shown(TombstoneAnswer, 202), **failures(404)})
def erase_user(request: Request, user_id: UserId) -> Response:
    """All of the user's data: hidden at once, then removed by the sweep, as `/v1/audit` tells. A repeat is no error."""
    parts, workspace_id = parts_of(request), workspace_of(request)
    try:
        stone = _stone(parts, workspace_id, user_id, actor_of(request))
    except IntegrityError:  # somebody else has just begun
        stone = _stone(parts, workspace_id, user_id, actor_of(request))
    if stone.finished_at is None:
        _hide(parts, stone)
    return Json(render_users.tombstone(stone), 202)


def _stone(parts: Parts, workspace_id: str, user_id: str, actor: str) -> Tombstone:
    """That of the erasure which begins now, or of the last one where nothing is left. Raises `NotFound`."""
    with parts.database.write() as connection:
        try:
            users.find(connection, workspace_id, user_id)
        except NotFound:
            last = tombstones.latest(connection, workspace_id, Removal.USER, user_id)
            if last is None:
                raise
            return last
        return removal.forget_user(connection, workspace_id, user_id, actor)


def _hide(parts: Parts, stone: Tombstone) -> None:
    ends = time.monotonic() + AT_ONCE
    hidden = True
    while hidden and time.monotonic() < ends:
        with parts.database.write() as connection:
            found = removal.hide_some(connection, stone)
        for session_id in found:
            parts.after_commit.hint_stop(session_id)
            parts.after_commit.nudge(session_id)
        hidden = bool(found)
