"""Whatever goes wrong, as Anthropic's error envelope with its status and headers."""

import json
from typing import Any

from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.complaints import invalid_request
from api.documented import documented_methods
from overnight.errors import BodyTooLarge, Conflict, InvalidRequest, NotFound, OvernightError, Unavailable, Unreadable
from overnight.store.database import is_down

UNMIGRATED = "The database's schema is not this version's; nothing was done. Run 'overnight migrate', then try again."
#: The SDK retries a 503 by itself when told so.
TRY_AGAIN = {"retry-after": "1", "x-should-retry": "true"}
#: And a 409 or any other 503 unless told not to; the same request would meet the same conflict, or want the same key.
DO_NOT = {"x-should-retry": "false"}


class Json(JSONResponse):
    """Escaped to ASCII: whatever Claude or a caller said can be sent."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode("ascii")


class MethodNotAllowed(InvalidRequest):
    """This method is not allowed on this path."""

    status = 405


class Unexpected(OvernightError):
    """Something went wrong on our side; quote the request id when you report it."""


def failure_of(error: Exception) -> OvernightError:
    """Any exception as one of ours."""
    if isinstance(error, OvernightError):
        return error
    if isinstance(error, RequestValidationError):
        return invalid_request(error)
    if isinstance(error, HTTPException):
        return _of_status(error)
    if _is_unmigrated(error):
        return Unavailable(UNMIGRATED)
    return Unavailable() if is_down(error) else Unexpected()


def _is_unmigrated(error: Exception) -> bool:
    """What Postgres and SQLite say of a table or column that is not there."""
    origin = error.orig if isinstance(error, DBAPIError) else None
    return type(origin).__name__ in {"UndefinedTable", "UndefinedColumn"} or str(origin).startswith("no such ")


def _of_status(error: HTTPException) -> OvernightError:
    match error.status_code:
        case 404:
            return NotFound("there is nothing at this path; see /docs")
        case 405:
            return MethodNotAllowed()
        case 413:
            return BodyTooLarge(error.detail, field="body")
    return InvalidRequest("body: is not valid JSON in UTF-8", field="body")


def envelope(failure: OvernightError, request_id: str) -> dict[str, Any]:
    error = {"type": failure.type, "message": failure.message, "details": failure.details or None}
    return {"type": "error", "error": error, "request_id": request_id}


def respond(error: Exception, request_id: str) -> Response:
    failure = failure_of(error)
    headers = dict(getattr(error, "headers", None) or {})  # such as Allow
    if isinstance(failure, Unavailable):
        headers |= TRY_AGAIN
    if isinstance(failure, Conflict | Unreadable):
        headers |= DO_NOT
    return Json(envelope(failure, request_id), failure.status, headers)


async def handle(request: Request, error: Exception) -> Response:
    """For exceptions that Starlette would answer itself; the rest end in `middleware.Requests`."""
    response = respond(error, request.state.request_id)
    if response.status_code == MethodNotAllowed.status and (methods := documented_methods(request)):
        response.headers["allow"] = ", ".join(methods)  # Starlette's names those of one route only
    return response
