"""Sending a reply at its pace, and failing on the way where that is asked for. What is returned says how it ended."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ops.simulator.connection import ClientGone
from ops.simulator.directives import Directives
from ops.simulator.errors import ERRORS, Refused, stream_error
from ops.simulator.exchange import JSON, STREAM, Exchange, Headers
from ops.simulator.stream import PING, Frames, as_json, frame

PING_EVERY = 5.0
# So that what was written before a reset leaves this machine's buffers first.
BEFORE_RESET = 0.02
STATUS_OF = {kind: status for status, (kind, _) in reversed(ERRORS.items())}


@dataclass(frozen=True, slots=True)
class Performance:
    """One answer: to whom, with what headers, over how many seconds, with what mishap."""

    exchange: Exchange
    headers: Headers
    seconds: float
    wanted: Directives

    async def stream(self, frames: Frames) -> str:
        """The reply as events: the head at once, the deltas spread evenly, the last one when the time is over."""
        wanted = self.wanted
        await self.exchange.start(200, [*STREAM, *self.headers])
        if wanted.hang:
            return await self._ping_for_ever(frames.head)
        if wanted.error_in_stream is not None:
            await self._play(frames if wanted.after else frames._replace(head=b""), wanted.after)
            return await self._end("error_in_stream", self._error(wanted.error_in_stream))
        if wanted.reset is not None:
            await self._play(frames, wanted.reset)
            return await self._reset()
        if wanted.cut is not None:
            await self._play(frames, wanted.cut)
            return await self._end("cut")
        await self._play(frames, len(frames.deltas))
        return await self._end("ok", frames.tail)

    async def whole(self, message: dict[str, Any]) -> str:
        """The reply as one JSON object when the time is over; a mishap in mid-stream becomes its like."""
        wanted = self.wanted
        await self.exchange.connection.pause(self.seconds)
        if wanted.error_in_stream is not None:
            raise Refused(STATUS_OF.get(wanted.error_in_stream, 500))
        if wanted.reset is not None or wanted.cut is not None:
            return await self._reset()
        await self.exchange.answer(200, as_json(message).encode("utf-8", "backslashreplace"), [JSON, *self.headers])
        return "ok"

    async def _play(self, frames: Frames, upto: int) -> None:
        """The head and the first `upto` deltas, each when it is due."""
        deltas = frames.deltas[:upto]
        if self.seconds <= 0:
            return await self.exchange.write(frames.head + b"".join(deltas))
        began = asyncio.get_running_loop().time()
        await self.exchange.write(frames.head)
        for n, delta in enumerate(deltas, 1):
            await self._until(began + self.seconds * n / len(frames.deltas))
            await self.exchange.write(delta)
        return None

    async def _until(self, due: float) -> None:
        connection, now = self.exchange.connection, asyncio.get_running_loop().time
        while (left := due - now()) > PING_EVERY:
            await connection.pause(PING_EVERY)
            await self.exchange.write(PING)
        await connection.pause(left)

    async def _ping_for_ever(self, head: bytes) -> str:
        await self.exchange.write(head)
        while True:
            await self.exchange.connection.pause(PING_EVERY)
            await self.exchange.write(PING)

    async def _end(self, outcome: str, data: bytes = b"") -> str:
        await self.exchange.write(data, last=True)
        return outcome

    async def _reset(self) -> str:
        connection = self.exchange.connection
        await connection.pause(BEFORE_RESET)
        connection.reset()
        with suppress(ClientGone):
            await connection.pause(1)
        return "reset"

    def _error(self, kind: str) -> bytes:
        return frame("error", as_json(stream_error(kind, self.exchange.request_id)))
