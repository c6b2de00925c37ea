"""Claude's own tools, turns that Claude pauses, and a context that grows too long in the middle of a loop of tools."""

from typing import Any

import pytest

from overnight.models import Task
from tests.process.cluster import Cluster, until
from tests.process.conftest import MakeCluster
from tests.process.test_tools_kill import submit_with
from worker.context import Entry, messages
from worker.history_rules import check

SEARCH = {"type": "web_search_20250305", "name": "web_search"}
COUNT = {"type": "python", "name": "retried"}
LOOP = '[[sim tool=retried loop=8 input="{\\"n\\": {step}}" reply="done: {results}"]]'


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    made = make_cluster(tools="tests.process.dying_tools")
    made.start_worker("w1")
    made.start_beat()
    made.wait_for_workers("w1")
    return made


def test_a_paused_turn_goes_on_where_it_was(cluster: Cluster) -> None:
    task = cluster.wait_for(submit_with(cluster, [SEARCH], "Find it. [[sim server_tool=web_search pause=2]]"))
    assert (task.status, task.steps) == ("succeeded", 3)
    assert [row.role for row in cluster.ledger(task.session_id)] == ["user", "assistant", "assistant", "assistant"]
    check(as_sent(cluster, task), ["web_search"])


def test_a_loop_of_tools_outgrows_the_window_and_goes_on(cluster: Cluster) -> None:
    task = cluster.wait_for(submit_with(cluster, [COUNT], f"{LOOP} [[sim too_long=9]]"))
    assert task.status == "succeeded", task.error
    told = cluster.rows("SELECT type FROM events")
    assert "agent.thread_context_compacted" in {row.type for row in told}
    check(as_sent(cluster, task), ["retried"])


def test_a_session_with_calls_is_archived_with_a_summary(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(tools="tests.process.dying_tools", idle_ttl="2", expiry_notice="1")
    cluster.start_worker("w1")
    cluster.start_beat()
    task = cluster.wait_for(submit_with(cluster, [COUNT], LOOP))
    assert task.status == "succeeded"
    archived = "SELECT summary FROM sessions WHERE life = 'archived'"
    assert until(lambda: cluster.rows(archived), "archived")[0].summary


def as_sent(cluster: Cluster, task: Task) -> list[dict[str, Any]]:
    """The whole ledger, as a next task would send it."""
    told = [Entry(row.seq, row.role, row.content) for row in cluster.ledger(task.session_id)]
    return messages(told, [{"type": "text", "text": "And now?"}], 0)
