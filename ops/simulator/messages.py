"""POST /v1/messages and its token counter."""

import secrets
from dataclasses import dataclass
from typing import Any

from ops.simulator.cache import PromptCache
from ops.simulator.compaction import check_compaction, compacted
from ops.simulator.connection import ClientGone
from ops.simulator.conversation import current_turn, input_tokens
from ops.simulator.directives import Directives, parse
from ops.simulator.errors import Refused
from ops.simulator.exchange import Exchange, Headers
from ops.simulator.faults import Faults
from ops.simulator.limits import Limits
from ops.simulator.playback import Performance
from ops.simulator.ratelimits import RateLimits
from ops.simulator.record import Entry, Record
from ops.simulator.replies import Reply, compose
from ops.simulator.shapes import Envelope, message
from ops.simulator.stream import frames
from ops.simulator.validate import check, check_window

TOO_LONG = "prompt is too long: 200251 tokens > 200000 maximum"
CHARACTERS_A_SECOND = 280
LONGEST_NATURAL = 4.0
A_DAY = 86_400.0


@dataclass(slots=True)
class Settings:
    """How replies are paced where a prompt does not say: seconds and text deltas; None is as a person would like it."""

    latency: float | None = None
    deltas: int | None = None


class Messages:
    """Answers requests, remembering prompts (for the cache) and faults (for their counts)."""

    def __init__(self, settings: Settings, record: Record, limits: Limits | None = None) -> None:
        self.settings = settings
        self.record = record
        self.faults = Faults()
        self._cache = PromptCache()
        self.limits = limits or Limits({})
        self._generous = RateLimits()

    async def count(self, exchange: Exchange) -> None:
        exchange.key()
        request = await exchange.json()
        check(request, counting=True)
        check_compaction(request, exchange.betas())
        await exchange.answer_json({"input_tokens": input_tokens(request)})

    async def create(self, exchange: Exchange) -> None:
        """Answer, and leave in the record how it went."""
        key, request = exchange.key(), await exchange.json()
        invalid = _why_invalid(request, exchange.betas())
        prompt = "" if invalid else current_turn(request["messages"]).text
        entry = self.record.received(request if isinstance(request, dict) else {}, key, prompt)
        outcome, error = "aborted", None
        try:
            if invalid:
                outcome, error = "invalid", invalid.message
                await self._refuse(exchange, invalid)
            else:
                outcome = await self._answer(exchange, request, key, prompt, entry)
        except Refused as refused:
            outcome, error = f"http_{refused.status}", refused.message
            await self._refuse(exchange, refused)
        except ClientGone:
            outcome = "client_gone"
        finally:
            self.record.answered(entry, outcome, error)

    async def _answer(self, exchange: Exchange, request: dict[str, Any], key: str, prompt: str, entry: Entry) -> str:
        wanted = self._wanted(request, prompt)
        await _fail_first(exchange, wanted)
        if self.limits:
            self.limits.take(self._cache.account(request, key, look_only=True).charged)
        usage = self._cache.account(request, key)
        check_window(request["model"], usage.prompt)
        reply = compacted(request) if request.get("compaction") else compose(request, wanted)
        entry.called = [block["id"] for block in reply.blocks if block["type"] == "tool_use"]
        envelope = Envelope(f"msg_sim{secrets.token_hex(10)}", request["model"], usage)
        headers = self._headers(usage.charged, reply.output_tokens)
        performance = Performance(exchange, headers, self._seconds(wanted, reply), wanted)
        if request.get("stream"):
            deltas = self.settings.deltas if wanted.deltas is None else wanted.deltas
            outcome = await performance.stream(frames(reply, envelope, deltas))
            self.limits.spend(reply.output_tokens)
            return outcome
        if wanted.hang:
            await exchange.connection.pause(A_DAY)
        outcome = await performance.whole(message(reply, envelope))
        self.limits.spend(reply.output_tokens)
        return outcome

    def _wanted(self, request: dict[str, Any], prompt: str) -> Directives:
        try:
            _, brackets = parse(prompt)
        except ValueError as problem:
            raise Refused(400, str(problem)) from None
        messages = request["messages"]
        step = current_turn(messages).step if brackets else 0
        return self.faults.directives(prompt, brackets, len(messages), step)

    def _seconds(self, wanted: Directives, reply: Reply) -> float:
        given = self.settings.latency if wanted.latency is None else wanted.latency
        if given is not None:
            return given
        return min(LONGEST_NATURAL, 4 * reply.output_tokens / CHARACTERS_A_SECOND)

    async def _refuse(self, exchange: Exchange, refused: Refused) -> None:
        await exchange.refuse(refused, self._headers(exhausted=refused.status == 429))

    def _headers(self, input_tokens: int = 0, output_tokens: int = 0, *, exhausted: bool = False) -> Headers:
        if self.limits:
            return self.limits.headers()
        return self._generous.headers(input_tokens, output_tokens, exhausted=exhausted)


async def _fail_first(exchange: Exchange, wanted: Directives) -> None:
    """The faults in place of a reply: nothing at all, or an error."""
    if wanted.silent:
        await exchange.connection.pause(A_DAY)
    if wanted.status or wanted.too_long is not None:
        await exchange.connection.pause(wanted.latency or 0)
    if wanted.status:
        raise Refused(wanted.status, wanted.message, error_code=wanted.error_code, retry_after=wanted.retry_after)
    if wanted.too_long is not None:
        raise Refused(400, TOO_LONG)


def _why_invalid(request: Any, betas: set[str]) -> Refused | None:
    try:
        check(request)
        check_compaction(request, betas)
    except Refused as refused:
        return refused
    return None
