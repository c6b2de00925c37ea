"""A client's TCP connection, with what ASGI does not offer: a pause that ends when the client leaves, a hard reset."""

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LINGER_ZERO = struct.pack("ii", 1, 0)


class ClientGone(Exception):
    """The client closed the connection."""


class Connection:
    """Whether the client is still there."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.Future[None] | None = None
        self._gone = False

    async def pause(self, seconds: float) -> None:
        """Wait; raise ClientGone as soon as the client leaves."""
        if seconds > 0 and not self._gone:
            self._pause = self._loop.create_future()
            timer = self._loop.call_later(seconds, self._wake)
            try:
                await self._pause
            finally:
                timer.cancel()
        if self._gone:
            raise ClientGone

    def lost(self) -> None:
        self._gone = True
        self._wake()

    def reset(self) -> None:
        """Drop the connection with a TCP reset instead of an orderly end."""
        with socket.socket(fileno=_duplicate(self._transport)) as held:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        self._transport.abort()

    def _wake(self) -> None:
        if self._pause and not self._pause.done():
            self._pause.set_result(None)


def _duplicate(transport: asyncio.Transport) -> int:
    return socket.dup(transport.get_extra_info("socket").fileno())


class Protocol(HttpToolsProtocol):
    """uvicorn's own protocol, which also hands its connection to the application."""

    link: Connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.link = Connection(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.link.lost()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope: Any = self.scope
        scope["connection"] = self.link

    def shutdown(self) -> None:
        """A simulator that stops has nothing worth finishing: whoever is being answered sees the connection break."""
        self.transport.abort()
