"""The bound: what anyone would write in an afternoon, made as lean as it can be. It keeps order, and survives nothing.

`python -m ops.bench.bare_script DATABASE CLAUDE_URL SLOTS` prints its port and takes turns there, a JSON line each.
"""

import asyncio
import json
import sys
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from anthropic import AsyncAnthropic, AsyncStream, DefaultAioHttpClient
from psycopg import AsyncConnection

from ops.bench.work import MAX_TOKENS, MODEL

CONNECTIONS = 16
LOAD = "SELECT role, content FROM messages WHERE session = %s ORDER BY seq"
APPEND = "INSERT INTO messages (session, seq, role, content) VALUES (%s, %s, 'user', %s), (%s, %s, 'assistant', %s)"


class Pool:
    def __init__(self, database: str) -> None:
        self._database = database
        self._idle: asyncio.LifoQueue[AsyncConnection[Any]] = asyncio.LifoQueue()

    async def open(self) -> None:
        for _ in range(CONNECTIONS):
            self._idle.put_nowait(await AsyncConnection.connect(self._database, autocommit=True))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        connection = await self._idle.get()
        try:
            yield connection
        finally:
            self._idle.put_nowait(connection)


class Script:
    """A session's turns one after the other, `slots` sessions at a time."""

    def __init__(self, pool: Pool, claude: AsyncAnthropic, slots: int) -> None:
        self._pool = pool
        self._claude = claude
        self._slots = asyncio.Semaphore(slots)
        self._waiting: dict[str, deque[str]] = defaultdict(deque)
        self._busy: set[asyncio.Task[None]] = set()

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for line in reader:
            session, prompt = json.loads(line)
            waiting = self._waiting[session]
            waiting.append(prompt)
            if len(waiting) == 1:
                task = asyncio.create_task(self._work_off(session, waiting))
                self._busy.add(task)
                task.add_done_callback(self._busy.discard)
        writer.close()

    async def _work_off(self, session: str, waiting: deque[str]) -> None:
        while waiting:
            async with self._slots:
                await self._turn(session, waiting[0])
            waiting.popleft()

    async def _turn(self, session: str, prompt: str) -> None:
        async with self._pool.connection() as connection:
            history = await (await connection.execute(LOAD, (session,))).fetchall()
        sent = [{"role": role, "content": content} for role, content in history]
        reply = await self._ask([*sent, {"role": "user", "content": prompt}])
        first = len(history) + 1
        async with self._pool.connection() as connection:
            await connection.execute(APPEND, (session, first, prompt, session, first + 1, reply))

    async def _ask(self, messages: list[Any]) -> str:
        stream = await self._claude.messages.create(model=MODEL, max_tokens=MAX_TOKENS, messages=messages, stream=True)
        pieces: list[str] = []
        # The raw events, as Overnight's worker reads them: the SDK's classes would cost more than all the rest.
        async for event in AsyncStream.raw_events(stream.response):
            if event.event == "content_block_delta":
                pieces.append(event.json()["delta"]["text"])
        await stream.close()
        return "".join(pieces)


async def main(database: str, claude_url: str, slots: int) -> None:
    timeout = httpx2.Timeout(120, connect=5)
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=slots)
    http = DefaultAioHttpClient(timeout=timeout, limits=limits)
    claude = AsyncAnthropic(api_key="bench", base_url=claude_url, max_retries=0, timeout=timeout, http_client=http)
    pool = Pool(database)
    await pool.open()
    server = await asyncio.start_server(Script(pool, claude, slots).listen, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
