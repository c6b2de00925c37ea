"""The errors Claude answers with: their bodies and headers, worded as recorded."""

import json
from typing import Any

# Status -> (error type, message). Where the wording was seen in the wild it is that; the rest follow the same manner.
ERRORS: dict[int, tuple[str, str]] = {
    400: ("invalid_request_error", "Invalid request."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "There's an issue with your billing or payment information."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not found"),
    405: ("invalid_request_error", "Method Not Allowed"),
    408: ("timeout_error", "Request timed out."),
    409: ("conflict_error", "The request conflicts with the current state of the resource."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
    500: ("api_error", "Internal server error"),
    503: ("api_error", "Service temporarily unavailable"),
    504: ("timeout_error", "Gateway time-out"),
    529: ("overloaded_error", "Overloaded"),
}
MESSAGES = dict(ERRORS.values())
RETRYABLE = frozenset({408, 409, 429, 500, 503, 504, 529})
GATEWAY_PAGE = b"<html><body><h1>504 Gateway Time-out</h1></body></html>"


class Refused(Exception):
    """The simulator answers with this error instead of a reply."""

    def __init__(
        self,
        status: int,
        message: str | None = None,
        *,
        error_code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        if status not in ERRORS:
            raise ValueError(f"status {status}: not one the simulator knows; use one of {sorted(ERRORS)}")
        self.status = status
        self.type, default = ERRORS[status]
        self.message = message or default
        self.error_code = error_code
        self.retry_after = retry_after
        super().__init__(self.message)

    def body(self, request_id: str) -> bytes:
        """What the client reads: the envelope, but for the two errors that come from in front of the API."""
        if self.status == 504:
            return GATEWAY_PAGE
        error: dict[str, Any] = {"type": self.type, "message": self.message}
        if self.status == 413:
            return json.dumps({"error": error}).encode()
        if self.error_code:
            error = {"details": {"error_code": self.error_code}, **error}
        return json.dumps({"type": "error", "error": error, "request_id": request_id}).encode()

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Content type, what the client may do about it, and when."""
        page = self.status == 504
        pairs = [(b"content-type", b"text/html" if page else b"application/json")]
        if not page:
            pairs.append((b"x-should-retry", b"true" if self.status in RETRYABLE else b"false"))
        if self.retry_after is not None:
            pairs.append((b"retry-after", b"%g" % self.retry_after))
        return pairs


def stream_error(kind: str, request_id: str) -> dict[str, Any]:
    """The data of an `error` event inside a stream that began with 200."""
    error = {"details": None, "type": kind, "message": MESSAGES.get(kind, "Error")}
    return {"type": "error", "error": error, "request_id": request_id}
