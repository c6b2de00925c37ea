"""`/metrics`: for Prometheus, which sends an API key as its bearer token."""

from collections.abc import Sequence

import structlog
from fastapi import APIRouter, Request
from prometheus_client.exposition import choose_encoder
from redis.exceptions import RedisError
from starlette.responses import Response

from api.documented import failures
from api.exposition import Figures, registry_of
from api.parts import Parts, parts_of
from api.routes.health import BEAT_SEEN, WORKER_SEEN
from overnight.rate_limits import PoolState, learned
from overnight.store import figures, nodes

log = structlog.get_logger(__name__)
router = APIRouter(tags=["health"])

EXPOSITION = {name: {"schema": {"type": "string"}} for name in ("text/plain", "application/openmetrics-text")}


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": EXPOSITION, "description": "In the format that `Accept` asks for"}, **failures()},
)
def metrics(request: Request) -> Response:
    """Tasks, processes and Claude's limits as the workers have learned them, of the whole installation."""
    found = _figures(parts_of(request))
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry_of(found)), headers={"content-type": content_type})


def _figures(parts: Parts) -> Figures:
    with parts.database.read() as connection:
        tasks = figures.unfinished_tasks(connection)
        workers = nodes.at_work(connection, "worker", WORKER_SEEN)
        beats = nodes.at_work(connection, "beat", BEAT_SEEN)
    slots = sum(node.slots for node in workers)
    return Figures(tasks, len(workers), slots, len(beats), _limits(parts.settings.redis_url))


def _limits(redis_url: str) -> Sequence[PoolState] | None:
    """None while Redis does not answer."""
    try:
        return learned(redis_url)
    except RedisError as error:
        log.warning("limits_not_read", error=type(error).__name__)
        return None
