"""DESIGN 6's table of errors, row by row, on real exceptions of the SDK and on every error published in the wild."""

import json
import re
from typing import Any

import aiohttp
import anthropic
import httpx2
import pytest

from tests.pure.recordings import DATA
from worker.accumulate import StreamError
from worker.failures import Failure, Remedy, TruncatedStreamError, classify

KEY = "sk-ant-api03-do-not-store-me"
URL = "https://api.anthropic.com/v1/messages"
RETRY, WAIT, SHRINK, FAIL = Remedy.RETRY, Remedy.WAIT, Remedy.SHRINK, Remedy.FAIL

client = anthropic.Anthropic(api_key=KEY)


def request() -> httpx2.Request:
    return httpx2.Request("POST", URL, headers={"authorization": f"Bearer {KEY}"})


def envelope(kind: str, message: str = "said so", code: str | None = None) -> dict[str, Any]:
    details = {"error_code": code} if code else None
    return {"type": "error", "error": {"type": kind, "message": message, "details": details}}


def answered(status: int, body: Any = None, headers: dict[str, str] | None = None) -> Failure:
    """What follows from an answer, by way of the exception that the SDK makes of it."""
    text = body if isinstance(body, str) else json.dumps(body)
    response = httpx2.Response(status, headers=headers or {}, content=text.encode(), request=request())
    return checked(classify(client._make_status_error_from_response(response)))


def checked(failure: Failure) -> Failure:
    """Whatever is stored is plain JSON, has a type and a message, and no key in it."""
    stored = json.dumps(failure.error)
    assert KEY not in stored
    assert "Bearer" not in stored
    assert failure.error["type"]
    assert failure.error["message"]
    return failure


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


TOO_LONG = "prompt is too long: 200251 tokens > 200000 maximum"
NO_ROOM = "input length and `max_tokens` exceed context limit: 190000 + 16000 > 200000, decrease input length"
TOO_BIG = "Request exceeds the maximum size"


@pytest.mark.parametrize(
    ("status", "body", "remedy"),
    [
        (408, envelope("timeout_error"), RETRY),
        (409, envelope("conflict_error"), RETRY),
        (429, envelope("rate_limit_error"), WAIT),
        (429, envelope("rate_limit_error", code="ramp_limit_exceeded"), WAIT),
        (500, envelope("api_error"), RETRY),
        (501, envelope("api_error"), RETRY),
        (502, "<html>Bad gateway</html>", RETRY),
        (503, "", RETRY),
        (504, "Gateway time-out", RETRY),
        (529, envelope("overloaded_error"), RETRY),
        (529, envelope("overloaded_error", code="compaction_unavailable"), RETRY),
        (599, "null", RETRY),
        (400, envelope("invalid_request_error", TOO_LONG), SHRINK),
        (400, envelope("invalid_request_error", NO_ROOM), SHRINK),
        (413, {"error": {"type": "request_too_large", "message": TOO_BIG}}, SHRINK),
        (413, "<html>413 Request Entity Too Large</html>", SHRINK),
        (400, envelope("invalid_request_error"), FAIL),
        (400, envelope("invalid_request_error", "Your credit balance is too low"), FAIL),
        (400, envelope("invalid_request_error", code="organization_on_hold"), FAIL),
        (401, envelope("authentication_error"), FAIL),
        (402, envelope("billing_error"), FAIL),
        (403, envelope("permission_error"), FAIL),
        (404, envelope("not_found_error"), FAIL),
        (422, {"detail": "not Anthropic's envelope"}, FAIL),
        (429, envelope("rate_limit_error", code="enforced_spend_limit_reached"), FAIL),
        (429, envelope("rate_limit_error", code="contract_spend_limit_reached"), FAIL),
    ],
)
def test_an_http_status(status: int, body: Any, remedy: Remedy) -> None:
    failure = answered(status, body, {"request-id": "req_1"})
    assert failure.remedy is remedy
    assert failure.error["status"] == status
    assert failure.error["request_id"] == "req_1"
    if isinstance(body, dict) and "error" in body:
        assert failure.error["type"] == body["error"]["type"]
        assert failure.error["message"] == body["error"]["message"]
        assert failure.error.get("error_code") == (body["error"].get("details") or {}).get("error_code")


@pytest.mark.parametrize(
    "body", ['"text"', "[1, 2]", "17", '{"error": "text"}', '{"error": null}', '{"error": {}}', ""]
)
def test_an_error_body_of_any_shape_is_understood(body: str) -> None:
    assert answered(500, body).remedy is RETRY
    assert answered(400, body).remedy is FAIL


@pytest.mark.parametrize(
    "error",
    [
        anthropic.APIConnectionError(request=request()),
        anthropic.APITimeoutError(request=request()),
        caused(anthropic.APIConnectionError(request=request()), httpx2.ConnectError("refused", request=request())),
        httpx2.RemoteProtocolError("peer closed connection without sending complete message body", request=request()),
        httpx2.ReadError("connection reset by peer", request=request()),
        httpx2.ReadTimeout("read timed out", request=request()),
        aiohttp.ClientPayloadError("Response payload is not completed"),
        aiohttp.ServerDisconnectedError(),
        ConnectionResetError(104, "Connection reset by peer"),
        TimeoutError("read"),
        TruncatedStreamError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_network_that_fails_is_tried_again(error: Exception) -> None:
    failure = checked(classify(error))
    assert failure.remedy is RETRY
    assert failure.error["type"] == "connection_error"
    assert type(error).__name__ in failure.error["message"]


def test_what_is_not_json_is_tried_again() -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads('{"location": Par')
    failure = checked(classify(caught.value))
    assert (failure.remedy, failure.error["type"]) == (RETRY, "unparsable_stream")


def test_a_fault_of_our_own_fails_at_once() -> None:
    failure = checked(classify(KeyError("index")))
    assert (failure.remedy, failure.error["type"]) == (FAIL, "internal_error")


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [
        ("overloaded_error", RETRY),
        ("api_error", RETRY),
        ("timeout_error", RETRY),
        ("an_error_of_the_future", RETRY),
        ("rate_limit_error", WAIT),
        ("request_too_large", SHRINK),
        ("invalid_request_error", FAIL),
        ("authentication_error", FAIL),
        ("billing_error", FAIL),
        ("permission_error", FAIL),
        ("not_found_error", FAIL),
    ],
)
def test_an_error_inside_a_stream_is_known_by_its_type(kind: str, remedy: Remedy) -> None:
    failure = checked(classify(StreamError(envelope(kind)["error"])))
    assert failure.remedy is remedy
    assert failure.error == {"type": kind, "status": 200, "message": "said so"}


def test_a_spend_limit_inside_a_stream_fails() -> None:
    spent = envelope("rate_limit_error", code="enforced_spend_limit_reached")["error"]
    assert classify(StreamError(spent)).remedy is FAIL


@pytest.mark.parametrize("said", [{}, {"type": None, "message": None}, {"details": "text"}, {"details": ["text"]}])
def test_an_error_event_of_any_shape_is_tried_again(said: dict[str, Any]) -> None:
    assert checked(classify(StreamError(said))).remedy is RETRY


def published() -> list[Any]:
    return list(json.loads((DATA / "real_errors.json").read_text())["errors"])


def expected(error: dict[str, Any]) -> Remedy:
    """What DESIGN 6 says of a published error, from its status and message alone."""
    message = error.get("body", {}).get("error", {}).get("message", "")
    if error["status"] == 413 or message.startswith("prompt is too long"):
        return SHRINK
    if error["status"] == 429:
        return WAIT
    return RETRY if error["status"] >= 500 else FAIL


@pytest.mark.parametrize("error", [error for error in published() if error["status"] >= 400])
def test_a_published_error(error: dict[str, Any]) -> None:
    failure = answered(error["status"], error.get("body", "<html>edge</html>"), error.get("headers"))
    assert failure.remedy is expected(error)
    assert failure.error["status"] == error["status"]
    assert failure.retry_after == (16.0 if "retry-after" in error.get("headers", {}) else None)
    if "body" in error:
        assert failure.error["message"] == error["body"]["error"]["message"]


@pytest.mark.parametrize("error", [error for error in published() if error.get("sse")])
def test_a_published_error_inside_a_stream(error: dict[str, Any]) -> None:
    data = re.search(r"^data: (.*)$", error["body_first_event"], re.MULTILINE)
    assert data is not None
    failure = checked(classify(StreamError(json.loads(data[1])["error"])))
    assert (failure.remedy, failure.error["type"]) == (RETRY, "overloaded_error")
