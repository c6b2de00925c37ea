"""What can go wrong, as a tree. The API renders any `OvernightError` in Anthropic's envelope.

OvernightError
├─ InvalidRequest (400)      a field is wrong; the message names it and the remedy
│  ├─ SessionClosed          the session takes no more tasks
│  ├─ EnvironmentArchived    it cannot be changed any more
│  └─ IdempotencyMismatch    the key was used with another body
├─ Unauthenticated (401)
├─ NotFound (404)            does not exist, or is another tenant's: the answer is the same
├─ Conflict (409)            somebody else was quicker: look again before you repeat it
├─ HeartbeatLost (412)       another worker has this work
├─ BodyTooLarge (413)
├─ Unavailable (503)         the database does not answer
└─ Unreadable (503)          contents are encrypted with a key that is not set
LeaseLost                    another worker owns the session now; let go without a trace
SessionPaused                nothing of it begins now; put its task down and let go
"""

from typing import Any, ClassVar


class OvernightError(Exception):
    """Something went wrong."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "api_error"
    code: ClassVar[str | None] = None

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or (type(self).__doc__ or "").splitlines()[0]
        self.details = {"error_code": self.code, **details} if self.code else details
        super().__init__(self.message)


class InvalidRequest(OvernightError):
    """The request is not valid."""

    status = 400
    type = "invalid_request_error"


class SessionClosed(InvalidRequest):
    """The session takes no more tasks; start a new one."""

    code = "session_closed"


class EnvironmentArchived(InvalidRequest):
    """The environment is archived and cannot be changed; create a new one."""

    code = "environment_archived"


class IllegalMove(InvalidRequest):
    """The task is not in a state from which this is possible."""

    code = "illegal_move"


class IdempotencyMismatch(InvalidRequest):
    """This Idempotency-Key was used before with another request; use a new key."""

    code = "idempotency_mismatch"


class Unauthenticated(OvernightError):
    """Send a valid key as 'Authorization: Bearer' or 'x-api-key'."""

    status = 401
    type = "authentication_error"


class NotFound(OvernightError):
    """Not found."""

    status = 404
    type = "not_found_error"


class Conflict(OvernightError):
    """Somebody else has changed this since you read it; read it again."""

    status = 409
    type = "conflict_error"


class HeartbeatLost(OvernightError):
    """expected_last_heartbeat is not the heartbeat that is stored: another worker may have this work; let go of it."""

    status = 412
    type = "invalid_request_error"
    code = "heartbeat_precondition_failed"


class BodyTooLarge(OvernightError):
    """The request body is too large."""

    status = 413
    type = "invalid_request_error"
    code = "request_too_large"


class Unavailable(OvernightError):
    """The database does not answer; nothing was accepted. Try again."""

    status = 503
    type = "api_error"
    code = "database_unavailable"


class Unreadable(OvernightError):
    """Contents are encrypted with a key that is not set."""

    status = 503
    type = "api_error"
    code = "contents_unreadable"


class LeaseLost(Exception):
    """Another worker owns the session now."""


class SessionPaused(Exception):
    """The session is paused: no step and no call begins."""
