"""The example of docs/managed-agents.md, whose worker is killed in two of its three turns."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.process.cluster import KEY, ROOT, Cluster, until
from tests.process.conftest import MakeCluster

CALLS = ["find_order", "check_stock", "write"]


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    made = make_cluster()
    made.start_api()
    made.start_worker("w1")
    made.start_beat()
    made.wait_for_workers("w1")
    return made


def test_three_turns_survive_the_death_of_the_worker(cluster: Cluster, tmp_path: Path) -> None:
    notes = tmp_path / "desk"
    let_one_hang(cluster)
    clerk = start(cluster, notes)
    try:
        kill_in_mid_stream(cluster)
        until(lambda: replies(cluster) >= 2, "the first turn has ended")
        let_one_hang(cluster)
        kill_in_mid_stream(cluster)
        said = clerk.communicate(timeout=120)[0].decode()
    finally:
        clerk.kill()
        clerk.wait()
    assert clerk.returncode == 0, said
    assert [said.count(f"= {name} ") for name in CALLS] == [1, 1, 1]
    assert (notes / "1007.md").read_text() == "Heron is sold out"
    check_history(cluster, said.splitlines()[0])


def check_history(cluster: Cluster, session_id: str) -> None:
    """Three questions, calls, results and answers, each once and in order; what was killed left nothing."""
    assert told(cluster, session_id) == [
        *("user.message", "agent.message", "agent.custom_tool_use", "user.custom_tool_result", "agent.message"),
        *("user.message", "agent.message", "agent.custom_tool_use", "user.custom_tool_result", "agent.message"),
        *("user.message", "agent.message", "agent.tool_use"),
        *("user.tool_confirmation", "user.tool_result", "agent.message"),
    ]
    ledger = cluster.ledger(session_id)
    assert [row.role for row in ledger] == ["user", "assistant"] * 6
    names = [block["name"] for row in ledger for block in row.content if block["type"] == "tool_use"]
    assert names == CALLS
    assert len(cluster.sim("GET", "/sim/requests")["data"]) == 6 + 2


def start(cluster: Cluster, notes: Path) -> "subprocess.Popen[bytes]":
    env = {**cluster.env, "ANTHROPIC_BASE_URL": cluster.api_url, "ANTHROPIC_API_KEY": KEY}
    command = [sys.executable, str(ROOT / "examples/managed_agents.py"), "--yes", "--folder", str(notes)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def let_one_hang(cluster: Cluster) -> None:
    cluster.sim("DELETE", "/sim/faults")
    cluster.sim("POST", "/sim/faults", json={"hang": True, "count": 1})


def kill_in_mid_stream(cluster: Cluster) -> None:
    until(lambda: cluster.sim("GET", "/sim/faults")["data"][0]["hits"] == 1, "a request hangs")
    cluster.kill("w1")
    cluster.start_worker("w1")


def replies(cluster: Cluster) -> int:
    return int(cluster.rows("SELECT count(*) FROM messages WHERE role = 'assistant'")[0][0])


def told(cluster: Cluster, session_id: str) -> list[str]:
    found: Any = cluster.api("GET", f"/v1/sessions/{session_id}/events?limit=1000").json()["data"]
    spoken = [event["type"] for event in found if event["type"].startswith(("user.", "agent."))]
    return [kind for kind in spoken if kind != "agent.thinking"]
