"""The OpenAPI document: every status that can come, how to say who you are, and no 422, which is never sent."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.routing import compile_path

from api.answers import ErrorAnswer
from api.auth import GUARDED

Responses = dict[int | str, dict[str, Any]]

MEANINGS = {
    400: "Something in the request is wrong: the message names it",
    401: "No valid key",
    404: "Does not exist, or belongs to another workspace",
    409: "Somebody else has changed it meanwhile: read it again",
    412: "Another worker has it: let go",
    413: "The body is too large",
    500: "Something went wrong on our side",
    503: "The database does not answer; nothing was done",
}
KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}


def shown(model: Any, status: int = 200, description: str = "Done", **more: Any) -> Responses:
    return {status: {"model": model, "description": description, **more}}


def failures(*statuses: int) -> Responses:
    """Those of a guarded path: the named ones, and what can always come."""
    always = (400, 401, 500, 503)
    return {status: {"model": ErrorAnswer, "description": MEANINGS[status]} for status in sorted({*always, *statuses})}


def documented_methods(request: Request) -> list[str]:
    """The methods of the request's path: of those that match, the one with the fewest parameters."""
    paths = request.app.openapi()["paths"]
    matching = [path for path in paths if compile_path(path)[0].match(request.url.path)]
    closest = min(matching, key=lambda path: path.count("{"), default=None)
    return sorted(method.upper() for method in paths[closest]) if closest else []


def openapi(app: FastAPI) -> dict[str, Any]:
    """Made once, at the first request for it."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
        )
        document["components"]["securitySchemes"] = KEYS
        for path, operations in document["paths"].items():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                if path.startswith(GUARDED):
                    operation["security"] = [{name: []} for name in KEYS]
        for unused in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(unused, None)
        app.openapi_schema = document
    return app.openapi_schema
