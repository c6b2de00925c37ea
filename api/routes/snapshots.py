"""`/v1/sessions/{id}/snapshots`: named points of a session to go back to."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api import branching, paging, render_lives
from api.answers_lives import ComparisonAnswer, DeletedSnapshot, SnapshotAnswer, SnapshotPage
from api.answers_sessions import SessionAnswer
from api.documented import failures, shown
from api.failures import Json
from api.idempotent import IdempotencyKey, Outcome, perform
from api.parts import parts_of, workspace_of
from api.routes.sessions import PREFIX, SessionId
from api.schemas_lives import Branch, CompareQuery, SnapshotList, SnapshotRequest
from api.text import Text
from overnight.ids import SNAPSHOT
from overnight.store import lineage, sessions, snapshots
from overnight.store.idempotency import Answer
from overnight.store.lineage import Place

router = APIRouter(prefix=f"{PREFIX}/{{session_id}}/snapshots", tags=["snapshots"])
SnapshotId = Annotated[Text, Path(description="`snap_…`, or its name in the session.")]


@router.post("", responses={**shown(SnapshotAnswer), **failures(404, 413)})
def take_snapshot(
    request: Request, session_id: SessionId, body: SnapshotRequest, idempotency_key: IdempotencyKey = None
) -> Response:
    """Of the session as it stands; amid a turn, of the last point from which one could go on."""
    workspace_id = workspace_of(request)

    def act(connection: Connection) -> Outcome:
        row = snapshots.take(connection, workspace_id, session_id, body.name)
        return Outcome(None, Answer(200, render_lives.snapshot(row)))

    return perform(request, body, idempotency_key, act, location=f"{PREFIX}/{session_id}/snapshots")


@router.get("", responses={**shown(SnapshotPage), **failures(404)})
def list_snapshots(request: Request, session_id: SessionId, query: Annotated[SnapshotList, Query()]) -> Response:
    """Newest first."""
    cursor = paging.place_of(query.page)
    with parts_of(request).database.read() as connection:
        found = snapshots.page(connection, workspace_of(request), session_id, limit=query.limit + 1, cursor=cursor)
    return paging.listed(found, query.limit, render_lives.snapshot, paging.made)


@router.get("/{snapshot_id}", responses={**shown(SnapshotAnswer), **failures(404)})
def get_snapshot(request: Request, session_id: SessionId, snapshot_id: SnapshotId) -> Response:
    with parts_of(request).database.read() as connection:
        return Json(render_lives.snapshot(snapshots.get(connection, workspace_of(request), session_id, snapshot_id)))


@router.delete("/{snapshot_id}", responses={**shown(DeletedSnapshot), **failures(404)})
def delete_snapshot(request: Request, session_id: SessionId, snapshot_id: SnapshotId) -> Response:
    """Only the name goes."""
    with parts_of(request).database.write() as connection:
        gone = snapshots.remove(connection, workspace_of(request), session_id, snapshot_id)
    return Json({"id": gone.id, "type": "snapshot_deleted"})


@router.post("/{snapshot_id}/restore", responses={**shown(SessionAnswer), **failures(404, 413)})
def restore_snapshot(
    request: Request,
    session_id: SessionId,
    snapshot_id: SnapshotId,
    body: Branch | None = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """A new session that begins there, with an empty workspace folder; the one that was taken stays as it is."""
    workspace_id, settings, wish = workspace_of(request), parts_of(request).settings, body or Branch()
    return perform(
        request,
        wish,
        idempotency_key,
        lambda connection: branching.restore(connection, workspace_id, session_id, snapshot_id, wish, settings),
        location=PREFIX,
    )


@router.get("/{snapshot_id}/compare", responses={**shown(ComparisonAnswer), **failures(404)})
def compare_snapshot(
    request: Request, session_id: SessionId, snapshot_id: SnapshotId, query: Annotated[CompareQuery, Query()]
) -> Response:
    """What was said and spent on either side since the two were the same."""
    workspace_id = workspace_of(request)
    with parts_of(request).database.read() as connection:
        row = snapshots.get(connection, workspace_id, session_id, snapshot_id)
        other = _place(connection, workspace_id, query.other or session_id)
        return Json(render_lives.comparison(lineage.compare(connection, (session_id, row.at), other)))


def _place(connection: Connection, workspace_id: str, name: str) -> Place:
    if name.startswith(f"{SNAPSHOT}_"):
        row = snapshots.find(connection, workspace_id, name)
        return row.session_id, row.at
    return name, sessions.get(connection, workspace_id, name).ledger_seq
