"""`/v1/environments/{id}/work`: what an environment's workers poll, acknowledge, keep and stop."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request
from starlette.responses import Response

from api import paging, render_environments
from api.answers_environments import HeartbeatAnswer, WorkAnswer, WorkPage, WorkStats
from api.defining import patched
from api.documented import failures, shown
from api.failures import Json
from api.parts import parts_of, workspace_of
from api.polling import next_work
from api.routes.environments import PREFIX, EnvironmentId, refuse_default
from api.schemas_environments import HeartbeatQuery, PollQuery, StopRequest, WorkChange, WorkerId, WorkList
from api.text import Text
from overnight.errors import HeartbeatLost
from overnight.store import environments, work_pages, work_turns

router = APIRouter(prefix=f"{PREFIX}/{{environment_id}}/work", tags=["work"])
WorkId = Annotated[Text, Path(description="`work_…`")]
NO_WORKERS = "has its tools run by Overnight's workers"


@router.get("/poll", responses={**shown(WorkAnswer | None), **failures(404)})
async def poll_work(
    request: Request,
    environment_id: EnvironmentId,
    query: Annotated[PollQuery, Query()],
    worker_id: Annotated[WorkerId | None, Header(alias="Anthropic-Worker-ID")] = None,
) -> Response:
    """The oldest session that waits for a worker, or null; with `block_ms`, only after so long."""
    refuse_default(environment_id, NO_WORKERS)
    work = await next_work(request, environment_id, worker_id, query)
    return Json(None if work is None else render_environments.work(work))


@router.get("/stats", responses={**shown(WorkStats), **failures(404)})
def get_stats(request: Request, environment_id: EnvironmentId) -> Response:
    refuse_default(environment_id, NO_WORKERS)
    with parts_of(request).database.read() as connection:
        environments.find(connection, workspace_of(request), environment_id)
        return Json(render_environments.stats(work_pages.stats(connection, environment_id)))


@router.get("", responses={**shown(WorkPage), **failures(404)})
def list_work(request: Request, environment_id: EnvironmentId, query: Annotated[WorkList, Query()]) -> Response:
    """Newest first, with what has stopped."""
    refuse_default(environment_id, NO_WORKERS)
    cursor = paging.place_of(query.page)
    with parts_of(request).database.read() as connection:
        environments.find(connection, workspace_of(request), environment_id)
        found = work_pages.page(connection, environment_id, limit=query.limit + 1, cursor=cursor)
    return paging.listed(found, query.limit, render_environments.work, paging.made)


@router.get("/{work_id}", responses={**shown(WorkAnswer), **failures(404)})
def get_work(request: Request, environment_id: EnvironmentId, work_id: WorkId) -> Response:
    with parts_of(request).database.read() as connection:
        return Json(
            render_environments.work(work_turns.find(connection, workspace_of(request), environment_id, work_id))
        )


@router.post("/{work_id}", responses={**shown(WorkAnswer), **failures(404, 413)})
def change_work(request: Request, environment_id: EnvironmentId, work_id: WorkId, body: WorkChange) -> Response:
    """Its metadata; null takes a pair away."""
    with parts_of(request).database.write() as connection:
        changed = work_pages.relabel(
            connection,
            workspace_of(request),
            environment_id,
            work_id,
            lambda labels: patched(labels, body.metadata, "work"),
        )
    return Json(render_environments.work(changed))


@router.post("/{work_id}/ack", responses={**shown(WorkAnswer), **failures(404, 409)})
def acknowledge_work(request: Request, environment_id: EnvironmentId, work_id: WorkId) -> Response:
    """Its worker has it, and is to send a heartbeat soon."""
    parts = parts_of(request)
    with parts.database.write() as connection:
        taken = work_turns.acknowledge(
            connection, workspace_of(request), environment_id, work_id, parts.settings.work_ttl
        )
    return Json(render_environments.work(taken))


@router.post("/{work_id}/heartbeat", responses={**shown(HeartbeatAnswer), **failures(404, 412)})
def beat_work(
    request: Request, environment_id: EnvironmentId, work_id: WorkId, query: Annotated[HeartbeatQuery, Query()]
) -> Response:
    """Keeps it, as long as nobody else has it: then 412, and its worker is to let go without stopping it."""
    parts = parts_of(request)
    ttl = query.ttl(parts.settings.work_ttl)
    with parts.database.write() as connection:
        beat = work_turns.beat(
            connection, workspace_of(request), environment_id, work_id, query.expected_last_heartbeat, ttl
        )
    if beat.is_lost:
        raise HeartbeatLost(current_state=render_environments.current_state(beat))
    return Json(render_environments.heartbeat(beat))


@router.post("/{work_id}/stop", responses={**shown(WorkAnswer), **failures(404, 409, 413)})
def stop_work(
    request: Request, environment_id: EnvironmentId, work_id: WorkId, body: StopRequest | None = None
) -> Response:
    """Asks its worker to stop; with `force`, and where no worker has it, it has stopped at once.

    A session whose calls still wait for a worker is queued again.
    """
    force = body is not None and body.force
    with parts_of(request).database.write() as connection:
        stopped = work_turns.stop(connection, workspace_of(request), environment_id, work_id, force=force)
    return Json(render_environments.work(stopped))
