"""The HTTP API: `uvicorn api.app:create_app --factory`."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from api.auth import Authenticate
from api.documented import openapi
from api.failures import handle
from api.middleware import BodyLimit, Requests
from api.parameters import given_once
from api.parts import opened
from api.routes import (
    agents,
    budgets,
    contexts,
    environments,
    events,
    expiry,
    health,
    keeping,
    lives,
    metrics,
    sessions,
    snapshots,
    tasks,
    unsupported,
    usage,
    users,
    work,
)
from overnight import __version__, collector, logs
from overnight.errors import OvernightError
from overnight.settings import Settings

PARTS = (
    tasks,
    sessions,
    lives,
    snapshots,
    contexts,
    events,
    usage,
    budgets,
    users,
    expiry,
    keeping,
    agents,
    environments,
    work,
    health,
    metrics,
    unsupported,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The whole application. Raises `ValueError` where a setting is missing."""
    settings = settings or Settings()
    logs.configure(settings.log_level)
    logging.getLogger("sse_starlette").setLevel(logging.INFO)  # its debug lines quote what is streamed
    if not settings.redis_url:
        raise ValueError("OVERNIGHT_REDIS_URL is empty: name a Redis, or start everything with 'overnight up'")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with opened(settings) as parts:
            collector.settle()
            yield {"parts": parts}

    app = FastAPI(
        title="Overnight",
        version=__version__,
        summary="Claude agents that work for hours or days, on your own Celery, Redis and SQL",
        lifespan=lifespan,
        redirect_slashes=False,
        redoc_url=None,
        dependencies=[Depends(given_once)],
        middleware=[
            Middleware(Requests),
            Middleware(Authenticate),
            Middleware(BodyLimit, limit=settings.max_body_bytes, import_limit=settings.max_import_bytes),
        ],
        exception_handlers={OvernightError: handle, HTTPException: handle, RequestValidationError: handle},
    )
    for part in PARTS:
        app.include_router(part.router)
    app.openapi = partial(openapi, app)  # type: ignore[method-assign]
    return app
