"""DESIGN §3, asked of the rows and of what Claude's stand-in received."""

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

from tests.process.cluster import Cluster


def assert_ledgers_are_whole(cluster: Cluster) -> None:
    """Every succeeded task is in its ledger once, prompt and reply side by side, in the order of acknowledgement."""
    rows = cluster.rows("SELECT session_id, seq, role, task_id, message_id FROM messages ORDER BY session_id, seq")
    ledgers: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        ledgers[row.session_id].append(row)
    done = cluster.rows("SELECT id, session_id FROM tasks WHERE status = 'succeeded' ORDER BY session_id, seq")
    order: dict[str, list[str]] = defaultdict(list)
    for task in done:
        order[task.session_id].append(task.id)
    for session_id, ledger in ledgers.items():
        assert [row.role for row in ledger] == ["user", "assistant"] * (len(ledger) // 2), session_id
        assert [row.task_id for row in ledger[::2]] == order[session_id]
        assert [row.task_id for row in ledger[1::2]] == order[session_id]
    doubled = [name for name, count in Counter(row.message_id for row in rows if row.message_id).items() if count > 1]
    assert doubled == []
    assert ledgers.keys() == order.keys()


def assert_history_was_sent(cluster: Cluster) -> int:
    """No request went out without every earlier answer of its session in it. Gives how many went out."""
    said: dict[str, list[tuple[str, Any]]] = {}
    for row in cluster.rows("SELECT DISTINCT session_id FROM messages"):
        stored = [(entry.role, _texts(entry.content)) for entry in cluster.ledger(row.session_id)]
        said[stored[0][1]] = stored
    requests = cluster.sim("GET", "/sim/requests")
    listed = requests["data"] if isinstance(requests, dict) else requests
    for request in listed:
        sent = [(message["role"], _texts(message["content"])) for message in request["messages"]]
        stored = said[sent[0][1]]
        assert sent == stored[: len(sent)], f"request {request['n']} departs from its ledger"
    return len(listed)


def assert_results_were_sent(cluster: Cluster) -> int:
    """Each request is its ledger up to where it stood then, word for word: all calls before it have their results."""
    ledgers: dict[str, list[Any]] = {}
    for row in cluster.rows("SELECT DISTINCT session_id FROM messages"):
        told = [{"role": entry.role, "content": entry.content} for entry in cluster.ledger(row.session_id)]
        ledgers[_texts(told[0]["content"])] = told
    requests = cluster.sim("GET", "/sim/requests")["data"]
    for request in requests:
        sent = request["messages"]
        assert sent == ledgers[_texts(sent[0]["content"])][: len(sent)], f"request {request['n']} departs"
        asked = [block["id"] for message in sent for block in message["content"] if block["type"] == "tool_use"]
        assert request["answered"] == asked, f"request {request['n']} went out before its results"
    return len(requests)


def overlapping_requests(cluster: Cluster) -> list[tuple[int, int]]:
    """Pairs of requests of one session that were in flight at once."""
    requests = cluster.sim("GET", "/sim/requests")
    listed = requests["data"] if isinstance(requests, dict) else requests
    by_session: dict[str, list[Any]] = defaultdict(list)
    for request in listed:
        by_session[_texts(request["messages"][0]["content"])].append(request)
    pairs = []
    for of_one in by_session.values():
        of_one.sort(key=lambda request: request["received_at"])
        for earlier, later in pairwise(of_one):
            if earlier["answered_at"] is None or later["received_at"] < earlier["answered_at"]:
                pairs.append((earlier["n"], later["n"]))
    return pairs


def _texts(content: Any) -> str:
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)
