"""A request handed from a slice's thread to the event loop, halted when the session is, and what it came to."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from overnight.history.request import Request
from overnight.pricing import Tokens, beside
from overnight.store.calls import Call
from worker import claude
from worker.accumulate import Accumulator
from worker.decide import judge_message
from worker.failures import Failure, Remedy, classify
from worker.governor.asking import Grant
from worker.governor.governor import Governor
from worker.held import Held
from worker.history_faults import InvalidHistory
from worker.history_rules import check
from worker.process import Process
from worker.words import Words

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """A whole message, or a failure, or neither when the session was halted; and what it cost, if anything."""

    message: dict[str, Any] | None
    failure: Failure | None
    call: Call | None


def ask(
    process: Process, held: Held, request: Request, grant: Grant, *, purpose: str = "step", words: Words | None = None
) -> Heard:
    """Blocks this thread, and only this, until Claude has answered, failed, or the session is halted."""
    if (failure := judge_request(request)) is not None:
        log.error("request_is_invalid", session=held.lease.session_id, error=failure.error["message"])
        process.governor.put_back(grant)
        return Heard(None, failure, None)
    began = time.monotonic()
    heard = Accumulator()
    message = None
    call = process.submit(_listen(process, request, heard, words, partial(process.governor.heard, grant)))
    with held.calling(call):
        try:
            message = call.result()
            failure = judge_message(message, compacts=request.compacts)
        except CancelledError:
            log.debug("call_halted", session=held.lease.session_id, reason=held.reason)
        except Exception as error:
            failure = classify(error)
    kept = message is not None and failure is None
    cost = _cost(request, heard, purpose, "kept" if kept else "discarded", time.monotonic() - began)
    held.owed = cost
    _settle(process.governor, grant, cost, failure)
    return Heard(message if kept else None, failure, cost)


def judge_request(request: Request) -> Failure | None:
    """The failure that sending this would be, told before it costs a request: which message breaks which rule."""
    try:
        check(request.messages, [tool["name"] for tool in request.tools], paused=request.may_end_with_a_reply)
    except InvalidHistory as invalid:
        return Failure(Remedy.FAIL, {"type": "invalid_history", "message": str(invalid)})
    return None


async def _listen(
    process: Process,
    request: Request,
    heard: Accumulator,
    words: Words | None,
    on_headers: Callable[[Mapping[str, str]], object],
) -> dict[str, Any]:
    if words is None:
        return await claude.ask(process.claude, request, heard, on_headers=on_headers)
    try:
        return await claude.ask(process.claude, request, heard, words.hear, on_headers)
    finally:
        words.close()


def _settle(governor: Governor, grant: Grant, call: Call | None, failure: Failure | None) -> None:
    if failure is not None and failure.closes_the_gate:
        governor.refused(grant, failure.retry_after, failure.headers, is_overload=failure.is_overload)
    governor.settle(grant, call.used if call else None)


def _cost(request: Request, heard: Accumulator, purpose: str, outcome: str, seconds: float) -> Call | None:
    if heard.message is None:
        return None  # nothing came, nothing is charged
    return Call(
        model=heard.message.get("model") or request.model,
        tokens=Tokens.from_usage(heard.usage),
        duration_ms=round(seconds * 1000),
        message_id=heard.message.get("id"),
        purpose=purpose,
        outcome=outcome,
        beside=beside(heard.usage, request.model),
    )
