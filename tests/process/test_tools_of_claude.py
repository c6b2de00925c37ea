"""Claude's own tools, turns that Claude pauses, and a context that grows too long in the middle of a loop of tools."""

import pytest

from overnight.history.context import Entry, messages
from overnight.models import Task
from tests.process.cluster import Cluster, until
from tests.process.conftest import MakeCluster, at_work
from tests.process.working_agents import MODULE, Team
from worker.history_rules import check

SEARCH = {"type": "web_search_20250305", "name": "web_search"}
LOOP = '[[sim tool=note loop=8 input="{\\"n\\": {step}}" reply="done: {results}"]]'


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    return at_work(make_cluster(tools=MODULE))


def test_a_paused_turn_goes_on_where_it_was(cluster: Cluster) -> None:
    team = Team(cluster, tools=[SEARCH])
    task = cluster.wait_for(team.begin("Find it. [[sim server_tool=web_search pause=2]]"))
    assert (task.status, task.steps) == ("succeeded", 3)
    assert [row["role"] for row in team.ledger(task)] == ["user", "assistant", "assistant", "assistant"]
    check_next(team, task)


def test_a_loop_of_tools_outgrows_the_window_and_goes_on(cluster: Cluster) -> None:
    team = Team(cluster)
    task = cluster.wait_for(team.begin(f"{LOOP} [[sim too_long=9 times=1]]"))
    assert (task.status, task.error) == ("succeeded", None)
    assert 9 < task.steps < 16, "what is no longer sent, the simulator asks for again"
    assert cluster.rows("SELECT 1 FROM events WHERE type = 'agent.thread_context_compacted'")
    assert len(team.ledger(task)) == 2 * task.steps, "what is not sent any more is kept"
    check_next(team, task)


def test_a_session_with_calls_is_archived_with_a_summary(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(tools=MODULE, idle_ttl="2", expiry_notice="1")
    cluster.start_worker("w1")
    cluster.start_beat()
    task = cluster.wait_for(Team(cluster).begin(LOOP), patience=30)
    assert task.status == "succeeded"
    archived = "SELECT summary FROM sessions WHERE life = 'archived'"
    assert until(lambda: cluster.rows(archived), "archived")[0].summary


def check_next(team: Team, task: Task) -> None:
    """The whole ledger is valid, as a next task would send it."""
    told = [Entry(row.seq, row.role, row.content) for row in team.cluster.ledger(task.session_id)]
    check(messages(told, [{"type": "text", "text": "And now?"}], 0), team.names)
