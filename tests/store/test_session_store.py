"""The Claude Agent SDK's SessionStore on both databases: the vendor's own conformance suite, and what it leaves out."""

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, TypeVar, cast

import pytest

pytest.importorskip("claude_agent_sdk", reason="it comes with: uv run --extra agent-sdk pytest")

from claude_agent_sdk import (
    SessionStore,
    fork_session_via_store,
    get_session_messages_from_store,
    list_sessions_from_store,
)
from claude_agent_sdk.testing import run_session_store_conformance
from claude_agent_sdk.types import SessionKey, SessionStoreEntry

from overnight.session_store import OvernightSessionStore

T = TypeVar("T")
SESSION = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
KEY: SessionKey = {"project_key": "-work-desk", "session_id": SESSION}


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


@pytest.fixture
def stores(database_url: str) -> Iterator[Any]:
    """Makes stores over one database, each on an empty workspace of its own unless told otherwise."""
    made: list[OvernightSessionStore] = []
    numbers = count()

    def make(workspace_id: str | None = None) -> OvernightSessionStore:
        made.append(OvernightSessionStore(database_url, workspace_id=workspace_id or f"wrkspc_{next(numbers)}"))
        return made[-1]

    yield make
    for store in made:
        store.close()


def entry(uuid: str | None, words: str = "Hello", **more: Any) -> SessionStoreEntry:
    said = {"type": "user", "message": {"role": "user", "content": words}, **more}
    return cast(SessionStoreEntry, said if uuid is None else {**said, "uuid": uuid})


def test_the_vendor_s_conformance_suite_passes_with_nothing_skipped(stores: Any) -> None:
    optional = ("list_sessions", "list_session_summaries", "delete", "list_subkeys")
    assert all(getattr(OvernightSessionStore, name) is not getattr(SessionStore, name) for name in optional)
    run(run_session_store_conformance(stores))


def test_an_entry_that_is_sent_again_is_kept_once_and_one_without_uuid_each_time(stores: Any) -> None:
    store = stores()
    first, second, mark = entry("a"), entry("b"), {"type": "mode", "mode": "plan"}
    run(store.append(KEY, [first, mark, first]))
    run(store.append(KEY, [first, second, mark]))
    assert run(store.load(KEY)) == [first, mark, second, mark]


def test_appends_at_once_lose_nothing_and_one_that_is_doubled_counts_once(stores: Any) -> None:
    one, other = stores("wrkspc_shared"), stores("wrkspc_shared")

    def say(place: int) -> None:
        run((one, other)[place % 2].append(KEY, [entry(f"e{place // 2}", f"{place // 2}")]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(say, range(40)))
    loaded = run(one.load(KEY))
    assert sorted(int(said["message"]["content"]) for said in loaded) == list(range(20))
    (summary,) = run(other.list_session_summaries(KEY["project_key"]))
    assert [summary["mtime"]] == [listed["mtime"] for listed in run(one.list_sessions(KEY["project_key"]))]


def test_whatever_was_said_is_read_back_in_any_words(stores: Any) -> None:
    store = stores()
    odd = entry("a", "nul \x00, half a \ud800 pair, ünïcode", deep=[{"n": 1.5, "none": None}])
    run(store.append(KEY, [odd]))
    assert run(store.load(KEY)) == [odd]


def test_a_workspace_sees_its_own_alone(stores: Any) -> None:
    mine, theirs = stores(), stores()
    run(mine.append(KEY, [entry("a")]))
    assert run(theirs.load(KEY)) is None
    assert run(theirs.list_sessions(KEY["project_key"])) == []
    run(theirs.delete(KEY))
    assert run(mine.load(KEY)) == [entry("a")]


def test_a_long_transcript_comes_back_whole(stores: Any) -> None:
    store = stores()
    said = [entry(f"e{place}", "word " * 50) for place in range(3_000)]
    for begin in range(0, len(said), 1_000):
        run(store.append(KEY, said[begin : begin + 1_000]))
    assert run(store.load(KEY)) == said


def test_the_sdk_s_own_reading_and_forking_work_on_it(stores: Any, tmp_path: Any) -> None:
    store = stores()
    from claude_agent_sdk import project_key_for_directory

    key: SessionKey = {"project_key": project_key_for_directory(tmp_path), "session_id": SESSION}
    ids = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"]
    told = {"sessionId": SESSION, "cwd": str(tmp_path), "timestamp": "2026-11-21T10:00:00.000Z"}
    answer = {"role": "assistant", "content": [{"type": "text", "text": "Done."}]}
    run(store.append(key, [entry(ids[0], "Tidy the desk.", parentUuid=None, **told)]))
    reply = {"type": "assistant", "uuid": ids[1], "parentUuid": ids[0], "message": answer, **told}
    run(store.append(key, [cast(SessionStoreEntry, reply)]))
    (listed,) = run(list_sessions_from_store(store, str(tmp_path)))
    assert (listed.session_id, listed.first_prompt) == (SESSION, "Tidy the desk.")
    read = run(get_session_messages_from_store(store, SESSION, str(tmp_path)))
    assert [message.type for message in read] == ["user", "assistant"]
    forked = run(fork_session_via_store(store, SESSION, str(tmp_path)))
    copied = run(get_session_messages_from_store(store, forked.session_id, str(tmp_path)))
    assert [message.message for message in copied] == [message.message for message in read]
