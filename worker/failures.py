"""Every way in which a request to Claude fails, classified once."""

import email.utils
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import aiohttp
import anthropic
import httpx2

from worker.accumulate import StreamError


class Remedy(StrEnum):
    RETRY = "retry"
    WAIT = "rate_limit"  # a retry, because there was too much at once
    SHRINK = "shrink"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Failure:
    """What to do, and what to store: type, status and message, never the exception (it holds the key)."""

    remedy: Remedy
    error: dict[str, Any]
    retry_after: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # of the refusal

    @property
    def closes_the_gate(self) -> bool:
        """Whether it says that too much is asked, by us or by all."""
        return self.remedy is Remedy.WAIT or self.is_overload

    @property
    def is_overload(self) -> bool:
        return self.error["type"] == "overloaded_error" or self.error.get("status") == 529


class TruncatedStreamError(Exception):
    """The stream ended before the message did."""

    def __init__(self) -> None:
        super().__init__("the stream ended without message_stop")


#: By HTTP status. 5xx and 529 that are not listed: retry. Any other 4xx: fail.
BY_STATUS = {
    408: Remedy.RETRY,
    409: Remedy.RETRY,
    413: Remedy.SHRINK,
    429: Remedy.WAIT,
}

#: By the type of an error event inside a stream; one that nobody knows is worth a retry.
BY_TYPE = {
    "rate_limit_error": Remedy.WAIT,
    "request_too_large": Remedy.SHRINK,
    "invalid_request_error": Remedy.FAIL,
    "authentication_error": Remedy.FAIL,
    "billing_error": Remedy.FAIL,
    "permission_error": Remedy.FAIL,
    "not_found_error": Remedy.FAIL,
}

#: A 429 that no waiting cures.
SPENT = {"enforced_spend_limit_reached", "contract_spend_limit_reached", "organization_on_hold"}
TOO_LONG = ("prompt is too long", "exceed context limit", "exceeds the maximum size")

UNPARSABLE = "unparsable_stream"

NETWORK = (
    anthropic.APIConnectionError,
    httpx2.HTTPError,
    aiohttp.ClientError,
    TimeoutError,
    OSError,
    TruncatedStreamError,
)


def classify(error: BaseException) -> Failure:
    """The failure behind an exception from the SDK, the transport or the stream."""
    match error:
        case anthropic.APIStatusError():
            return _by_status(error)
        case StreamError():
            return _in_stream(error.error)
        case json.JSONDecodeError():
            return _network(UNPARSABLE, "Claude sent what is not JSON")
        case _ if isinstance(error, NETWORK):
            return _network("connection_error", f"{type(error).__name__}: {_text(error)}")
        case _:
            return Failure(
                Remedy.FAIL, {"type": "internal_error", "message": f"{type(error).__name__}: {_text(error)}"}
            )


def _by_status(error: anthropic.APIStatusError) -> Failure:
    message = error.api_message or _text(error)
    stored = {"type": error.type or "api_error", "status": error.status_code, "message": message}
    if error.error_code:
        stored["error_code"] = error.error_code
    if error.request_id:
        stored["request_id"] = error.request_id
    said = error.response.headers
    return Failure(_remedy(error.status_code, error.error_code, message), stored, retry_after(said), said)


def _remedy(status: int, code: str | None, message: str) -> Remedy:
    if code in SPENT:
        return Remedy.FAIL
    if status in {400, 413} and any(sign in message.lower() for sign in TOO_LONG):
        return Remedy.SHRINK
    return BY_STATUS.get(status, Remedy.RETRY if status >= 500 else Remedy.FAIL)


def _in_stream(error: dict[str, Any]) -> Failure:
    kind, message = error.get("type") or "api_error", error.get("message") or "error in mid-stream"
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    remedy = Remedy.FAIL if code in SPENT else BY_TYPE.get(kind, Remedy.RETRY)
    return Failure(remedy, {"type": kind, "status": 200, "message": message})


def _network(kind: str, message: str) -> Failure:
    return Failure(Remedy.RETRY, {"type": kind, "message": message})


def _text(error: BaseException) -> str:
    cause = error.__cause__
    return str(error) if cause is None else f"{error} ({type(cause).__name__}: {cause})"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from `retry-after-ms` or `retry-after` as a number or an HTTP date."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if (seconds := _number(value)) is not None:
        return seconds
    date = email.utils.parsedate_tz(value) if value else None
    try:
        return max(0.0, email.utils.mktime_tz(date) - time.time()) if date else None
    except (ValueError, OverflowError):  # a date that no calendar has
        return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < float("inf") else None
