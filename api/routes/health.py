"""`/healthz` and `/readyz`: for probes, so without a key and without a secret."""

from typing import Any

import anyio.to_thread
from anyio import move_on_after
from fastapi import APIRouter, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from api.answers import Health, Readiness
from api.documented import shown
from api.failures import Json
from api.parts import Parts, parts_of
from overnight import __version__
from overnight.store import nodes, schema

router = APIRouter(tags=["health"])

#: Beyond this the database counts as away.
PATIENCE = 3.0
WORKER_SEEN = 45.0
BEAT_SEEN = 10.0

Checks = dict[str, dict[str, Any]]
AWAY = {"ok": False}


@router.get("/healthz", responses=shown(Health))
async def healthz() -> Response:
    """The process answers."""
    return Json({"status": "ok"})


@router.get(
    "/readyz", responses={**shown(Readiness, 200, "Tasks are accepted"), **shown(Readiness, 503, "Nothing is accepted")}
)
async def readyz(request: Request) -> Response:
    """Whether tasks are accepted, and whether what runs them is there."""
    parts = parts_of(request)
    checks: Checks = dict.fromkeys(("database", "schema_version", "encryption", "workers", "beat"), AWAY)
    with move_on_after(PATIENCE):
        checks |= await anyio.to_thread.run_sync(_ask_database, parts, abandon_on_cancel=True)
    checks["redis"] = {"ok": await parts.hub.is_up()}
    accepting = all(checks[name]["ok"] for name in ("database", "schema_version", "encryption"))
    all_well = all(check["ok"] for check in checks.values())
    status = "unavailable" if not accepting else "ok" if all_well else "degraded"
    return Json({"status": status, "version": __version__, **checks}, 200 if accepting else 503)


def _ask_database(parts: Parts) -> Checks:
    try:
        with parts.database.read() as connection:
            version, wanted = schema.version(connection), schema.newest()
            checks: Checks = {"database": {"ok": True}, "schema_version": {"ok": version == wanted, "wanted": wanted}}
            if version == wanted:
                workers = nodes.at_work(connection, "worker", WORKER_SEEN)
                beats = nodes.at_work(connection, "beat", BEAT_SEEN)
                slots = sum(node.slots for node in workers)
                checks["workers"] = {"ok": bool(workers), "count": len(workers), "slots": slots}
                checks["beat"] = {"ok": bool(beats)}
                lacking = parts.database.vault.lacking()
                checks["encryption"] = {"ok": not lacking, "on": parts.database.vault.is_on, "missing_keys": lacking}
            return checks
    except SQLAlchemyError:
        return {}
