"""Around every request, in plain ASGI: its id, its line in the log, its last-resort answer, the limit of its body."""

import time
import traceback
from urllib.parse import quote

import structlog
from sqlalchemy.exc import DBAPIError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import failures
from overnight.errors import Unavailable, Unreadable
from overnight.ids import REQUEST, new_id

log = structlog.get_logger(__name__)

#: Files of whole sessions come in there.
IMPORT = "/import"


class Requests:
    """Outermost: gives a request its id, answers what nobody caught, logs a line (never a body, a query or a key)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = scope.setdefault("state", {})["request_id"] = new_id(REQUEST)
        began, status = time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["request-id"] = request_id
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception as error:
            _report(error, request_id)
            if not status:  # else half of an answer is out, and all that is left is to end it
                await failures.respond(error, request_id)(scope, receive, send_with_id)
        _log(scope, status, request_id, time.perf_counter() - began)


class BodyLimit:
    """Refuses a body that says it is too large before reading it, and any other as soon as it is."""

    def __init__(self, app: ASGIApp, limit: int, import_limit: int) -> None:
        self.app = app
        self.limit = limit
        self.import_limit = import_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.import_limit if scope["path"].endswith(IMPORT) else self.limit
        # The one kind of exception that FastAPI's reading of a body lets through.
        too_large = HTTPException(413, f"body: must not be larger than {limit} bytes")
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise too_large
        seen = 0

        async def receive_some() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise too_large
            return message

        await self.app(scope, receive_some, send)


def _report(error: Exception, request_id: str) -> None:
    """Where it happened, without the message: those of databases quote what was to be written."""
    failure = failures.failure_of(error)
    if failure.status < 500:
        return
    origin = f"({type(error.orig).__name__})" if isinstance(error, DBAPIError) else ""
    known = isinstance(failure, Unavailable | Unreadable)
    trace = None if known else "".join(traceback.format_tb(error.__traceback__))
    log.error("request_failed", error=f"{type(error).__name__}{origin}", request_id=request_id, trace=trace)


def _log(scope: Scope, status: int, request_id: str, seconds: float) -> None:
    line = {"method": scope["method"], "path": quote(scope["path"]), "status": status, "request_id": request_id}
    write = log.info if status >= 500 else log.debug
    write("request", **line, ms=round(seconds * 1000, 1))
