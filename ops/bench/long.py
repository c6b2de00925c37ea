"""`overnight bench --long`: what a session of ten thousand messages takes to fork, archive, restore and move."""

import argparse
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, closing, contextmanager
from typing import Any

import httpx2

from ops.bench.crowd import copy_turns
from ops.bench.ground import ground
from ops.bench.ours import KEY, overnight
from ops.simulator.running import running_simulator
from overnight.models import Message
from overnight.store import packs
from overnight.store.database import Database
from overnight.store.records import ALL, read

PROMPT = "Tell me more about the sea, please: which creatures live there, and how deep it is. " * 3
HEADER = f"{'':<22}{'seconds':>8}  ledger afterwards"


class Long:
    """A session so long, and what is done with it; each over HTTP, but for packing, which workers do."""

    def __init__(self, http: httpx2.Client, database: Database, messages: int) -> None:
        self._http = http
        self._database = database
        self._file = b""
        task = self._post("/v1/tasks", {"prompt": PROMPT})
        self._http.get(f"/v1/tasks/{task['id']}?wait=30").raise_for_status()
        self.session_id: str = task["session_id"]
        with database.write() as connection:
            copy_turns(connection, self.session_id, messages // 2)

    def acts(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """In this order; each gives the id of the session whose ledger is then to be the same."""
        yield from (("fork", self._fork), ("archive", self._archive), ("pack", self._pack), ("read", self._read))
        yield from (("fork while packed", self._fork), ("export while packed", self._export))
        yield from (("resume in full", self._resume), ("export", self._export), ("import", self._import))

    def ledger(self, session_id: str) -> str:
        """What is said there, as a hash."""
        with self._database.read() as connection:
            said = [(row["seq"], row["role"], row["content"]) for row in read(connection, Message, session_id, ALL)]
        return f"{len(said):,} {hashlib.sha256(repr(said).encode()).hexdigest()[:12]}"

    def _fork(self) -> str:
        return str(self._post(f"{self._path}/fork", {})["id"])

    def _archive(self) -> str:
        return str(self._post(f"{self._path}/archive", {})["id"])

    def _pack(self) -> str:
        is_done = False
        while not is_done:
            with self._database.write() as connection:
                is_done = packs.pack_some(connection, self.session_id)
        return self.session_id

    def _read(self) -> str:
        query: dict[str, Any] = {"limit": 1_000}
        while query.get("page", "") is not None:
            answer = self._http.get(f"{self._path}/messages", params=query).raise_for_status()
            query["page"] = answer.json()["next_page"]
        return self.session_id

    def _resume(self) -> str:
        return str(self._post(f"{self._path}/resume", {"from": "full"})["id"])

    def _export(self) -> str:
        self._file = self._http.get(f"{self._path}/export").raise_for_status().content
        return self.session_id

    def _import(self) -> str:
        return str(self._post("/v1/sessions/import", self._file)["id"])

    @property
    def _path(self) -> str:
        return f"/v1/sessions/{self.session_id}"

    def _post(self, path: str, body: dict[str, Any] | bytes) -> dict[str, Any]:
        sent = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = self._http.post(path, headers={"content-type": "application/json"}, **sent)
        return dict(answer.raise_for_status().json())


def main(arguments: list[str]) -> int:
    """Gives the exit code: 1 where a ledger came out as another."""
    parser = argparse.ArgumentParser("overnight bench --long", description="What is done with a long session.")
    parser.add_argument("--messages", type=int, default=10_000)
    asked = parser.parse_args(arguments)
    with _running() as (http, database):
        long = Long(http, database, asked.messages)
        first = long.ledger(long.session_id)
        print(
            f"{asked.messages:,} messages, {len(PROMPT)} characters each question; ledger {first}\n{HEADER}", flush=True
        )
        wrong = [name for name, act in long.acts() if not _is_same(long, first, name, act)]
    return int(bool(wrong))


def _is_same(long: Long, first: str, name: str, act: Callable[[], str]) -> bool:
    began = time.perf_counter()
    session_id = act()
    took = time.perf_counter() - began
    is_same = long.ledger(session_id) == first
    print(f"{name:<22}{took:>8.2f}  {'equal' if is_same else 'ANOTHER'}", flush=True)
    return is_same


@contextmanager
def _running() -> Iterator[tuple[httpx2.Client, Database]]:
    with (
        ground() as place,
        chdir(place.folder),
        running_simulator("--no-record") as claude,
        overnight(place, "long", claude.url, 1, 8, False) as ours,
        closing(Database(ours.database_url)) as database,
        httpx2.Client(base_url=ours.door["url"], headers={"x-api-key": KEY}, timeout=120, trust_env=False) as http,
    ):
        yield http, database
