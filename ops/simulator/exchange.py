"""One HTTP request and its answer: the thin layer over ASGI."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from itertools import count
from typing import Any

from ops.simulator.connection import Connection
from ops.simulator.errors import Refused

Headers = list[tuple[bytes, bytes]]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MOST_BYTES = 32 * 1024 * 1024
NAME = (b"server", b"overnight-simulator")
JSON = (b"content-type", b"application/json")
STREAM: Headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
_numbers = count(1)


class Exchange:
    """Reads the request once; writes one answer, whole or in pieces."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.connection: Connection = scope["connection"]
        self.request_id = f"req_sim{next(_numbers):020d}"
        self._receive = receive
        self._send = send

    async def body(self) -> bytes:
        """All of the request's body; Refused when it is larger than Claude takes."""
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await self._receive()
            parts.append(message.get("body", b""))
            size, more = size + len(parts[-1]), message.get("more_body", False)
            if size > MOST_BYTES:
                raise Refused(413)
        return b"".join(parts)

    async def json(self) -> Any:
        """The body as JSON; Refused when it is none."""
        try:
            return json.loads(await self.body())
        except ValueError as problem:
            raise Refused(400, f"The request body is not valid JSON: {problem}") from None

    def key(self) -> str:
        """The caller's API key; Refused without one."""
        for name, value in self.scope["headers"]:
            if name in (b"authorization", b"x-api-key"):
                key = value.decode("latin-1").removeprefix("Bearer ").strip()
                if key == "invalid":
                    raise Refused(401)
                if key:
                    return str(key)
        raise Refused(401, "x-api-key header is required")

    def betas(self) -> set[str]:
        """What the caller asks for of what is not for all yet."""
        named = [value.decode("latin-1") for name, value in self.scope["headers"] if name == b"anthropic-beta"]
        return {beta.strip() for names in named for beta in names.split(",")}

    async def start(self, status: int, headers: Headers) -> None:
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [NAME, (b"request-id", self.request_id.encode()), *headers],
            }
        )

    async def write(self, data: bytes, *, last: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})

    async def answer(self, status: int, data: bytes, headers: Headers) -> None:
        """A whole answer at once."""
        await self.start(status, [*headers, (b"content-length", b"%d" % len(data))])
        await self.write(data, last=True)

    async def answer_json(self, data: Any, headers: Headers | None = None) -> None:
        await self.answer(200, json.dumps(data).encode(), [JSON, *(headers or [])])

    async def refuse(self, refused: Refused, headers: Headers | None = None) -> None:
        await self.answer(refused.status, refused.body(self.request_id), [*refused.headers(), *(headers or [])])
