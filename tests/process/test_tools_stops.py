"""Whatever stops a task with tools, its ledger stays valid and its session goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from overnight.models import DEFAULT_WORKSPACE, Task
from overnight.states import CallStatus, StopRequest
from overnight.store import submissions
from tests.process.cluster import Cluster, until
from tests.process.conftest import MakeCluster, at_work
from tests.process.working_agents import MODULE, Team, call, script, text_of
from tests.process.working_tools import marks

PROMPTLY = 5.0  # seconds; usually a tenth of that
DAY = 86_400.0


@dataclass(frozen=True)
class Moment:
    """`reached` asks whether the session is there; `results` are what the calls of its last step come to, in part."""

    prompt: str
    reached: Callable[[Team, Task], object]
    results: tuple[str, ...]


def waits(reason: str) -> Callable[[Team, Task], object]:
    return lambda team, task: team.cluster.task(task.id).wait_reason == reason


def holds(team: Team, task: Task) -> object:
    return marks("holding", task.session_id, team.cluster.folder)


def holds_with_one_done(team: Team, task: Task) -> object:
    return holds(team, task) and team.open_call(task, CallStatus.DONE)


def streams(team: Team, task: Task) -> object:
    """Of its second request, which hangs."""
    return team.cluster.task(task.id).steps == 1 and team.cluster.sim("GET", "/sim/stats")["in_flight"] >= len(HOW)


HOW = (StopRequest.CANCEL, StopRequest.INTERRUPT)
NOT_RUN, UNKNOWN = "was not run", "was running when"
MOMENTS = {
    "in mid-stream": Moment(
        script([call("note", n=1)], [call("note", n=2)]) + "[[sim hang step=2 times=1]]", streams, ("noted 1",)
    ),
    "in a tool": Moment(script([call("hold")]), holds, (UNKNOWN,)),
    "in a tool that does not listen": Moment(script([call("deaf")]), holds, (UNKNOWN,)),
    "in one of two": Moment(script([call("note", n=1), call("hold")]), holds_with_one_done, ("noted 1", UNKNOWN)),
    "in a tool beside one to allow": Moment(script([call("guarded", n=1), call("hold")]), holds, (NOT_RUN, UNKNOWN)),
    "for an approval": Moment(
        script([call("note", n=1), call("guarded", n=1)]), waits("approval"), ("noted 1", NOT_RUN)
    ),
    "for an answer": Moment(script([call("ask_human", question="Now?")]), waits("tool_result"), (NOT_RUN,)),
    "for a time": Moment(script([call("wait", seconds=DAY)]), waits("timer"), (NOT_RUN,)),
}


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    return at_work(make_cluster(tools=MODULE, drain_seconds="1", lease_ttl="4"))


def test_a_stop_at_any_moment(cluster: Cluster) -> None:
    team = Team(cluster)
    begun = {(name, how): team.begin(f"{name} {how} {MOMENTS[name].prompt}") for name in MOMENTS for how in HOW}
    for (name, _), task in begun.items():
        until(lambda task=task, moment=MOMENTS[name]: moment.reached(team, task), name)
    for (name, how), task in begun.items():
        stop(cluster, how, task)
        until(lambda task=task: cluster.task(task.id).status == "cancelled", f"{how} {name}", PROMPTLY)
    following = [cluster.submit("And then?", task.session_id) for task in begun.values()]
    for ((name, how), task), after in zip(begun.items(), following, strict=True):
        assert cluster.wait_for(after).status == "succeeded", (name, how)
        assert cluster.task(task.id).stop_reason == ("interrupted" if how is StopRequest.INTERRUPT else "cancelled")
        assert_results(team, task, MOMENTS[name].results)
    assert cluster.terminate("w1") < 15, "a tool that does not listen holds up no worker"


def test_a_tool_that_no_worker_has(cluster: Cluster) -> None:
    """The task waits where everybody sees it, for a worker that has the tool, and no longer than its deadline."""
    team = Team(cluster)
    held = team.begin(script([call("hold")]))
    until(lambda: holds(team, held), "the call held")
    cluster.kill("w1")
    tools = cluster.env.pop("OVERNIGHT_TOOLS")
    cluster.start_worker("w2")
    fresh, late = (team.begin(f"{name} {script([call('note', n=1)])}") for name in ("fresh", "late"))
    for task in (held, fresh, late):
        until(lambda task=task: cluster.task(task.id).wait_reason == "worker", "waiting for a worker")
    waiting = cluster.task(fresh.id)
    assert waiting.status == "waiting"
    assert waiting.error is not None
    assert waiting.error["type"] == "tools_unavailable"
    assert "note" in waiting.error["message"]
    pass_deadline(cluster, late)
    assert cluster.wait_for(late).status == "failed"
    assert cluster.task(late.id).error["type"] == "deadline_exceeded"  # type: ignore[index]
    (cluster.folder / "go").touch()
    cluster.env["OVERNIGHT_TOOLS"] = tools
    cluster.start_worker("w1")
    cluster.terminate("w2")  # who might take them up first, again and again
    for task in (held, fresh):
        ended = cluster.wait_for(task)
        assert (ended.status, ended.error) == ("succeeded", None)
    assert_results(team, held, ("held",))
    assert_results(team, fresh, ("noted 1",))


def test_what_can_go_wrong_in_a_call(cluster: Cluster) -> None:
    team = Team(cluster, max_steps=4)
    runaway = team.begin('runaway [[sim tool=note input="{\\"n\\": {step}}" runaway]]')
    expected = [
        (team.begin("unknown [[sim tool=gone hallucinate]]"), "no tool called gone"),
        (team.begin("broken " + script([call("broken")])), "ValueError: the printer is on fire"),
        (team.begin("slow " + script([call("slow")])), "slow was stopped after its time limit of 0.5 seconds"),
        (team.begin("wrong " + script([call("note", n="one")])), "invalid input for note"),
    ]
    met = team.begin("side by side " + script([call("meet"), call("meet")]))
    assert cluster.wait_for(met).status == "succeeded", "two calls of one step run at once"
    assert_results(team, met, ("met", "met"))
    for task, told in expected:
        assert cluster.wait_for(task).status == "succeeded"
        (result,) = assert_results(team, task, (told,))
        assert result["is_error"]
        assert "Traceback" not in text_of(result)
        assert str(cluster.folder) not in text_of(result)
    ended = cluster.wait_for(runaway)
    assert (ended.status, ended.steps) == ("failed", 4)
    assert ended.error is not None
    assert ended.error["type"] == "max_steps_exceeded"
    after = cluster.submit("And then?", runaway.session_id)
    assert cluster.wait_for(after).status == "succeeded"
    team.check_ledger(runaway)


def test_a_drain_in_mid_tool(cluster: Cluster) -> None:
    """The tools are told; their calls are taken up by the next worker as their policies say."""
    team = Team(cluster)
    retried, told = team.begin("retry " + script([call("hold")])), team.begin("tell " + script([call("hold_once")]))
    until(lambda: holds(team, retried) and holds(team, told), "both calls held")
    assert cluster.terminate("w1") < 15
    for task in (retried, told):
        assert marks("stopped", task.session_id, cluster.folder)
        assert cluster.task(task.id).status == "running"
        assert team.open_call(task, CallStatus.RUNNING), "what it came to, nobody knows"
    assert cluster.rows("SELECT count(*) FROM sessions WHERE lease_owner IS NOT NULL")[0][0] == 0
    (cluster.folder / "go").touch()
    cluster.start_worker("w2")
    for task, result in ((retried, "held"), (told, "is not known")):
        assert cluster.wait_for(task).status == "succeeded"
        assert_results(team, task, (result,))


def stop(cluster: Cluster, how: StopRequest, task: Task) -> None:
    """As the API does it."""
    with cluster.database.write() as connection:
        if how is StopRequest.CANCEL:
            _, wake = submissions.cancel(connection, DEFAULT_WORKSPACE, task.id)
        else:
            _, wake = submissions.interrupt(connection, DEFAULT_WORKSPACE, task.session_id)
    if wake:
        cluster.after_commit.wake(task.session_id, task.id)
    cluster.after_commit.hint_stop(task.session_id)


def pass_deadline(cluster: Cluster, task: Task) -> None:
    """As if it had been given one that is past by now."""
    with cluster.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE tasks SET deadline = created_at WHERE id = '{task.id}'")


def assert_results(team: Team, task: Task, parts: tuple[str, ...]) -> list[dict[str, Any]]:
    """The ledger is valid, and the calls of its last step with calls have these results; gives them."""
    team.check_ledger(task)
    blocks = [
        [block for block in message["content"] if block["type"] == "tool_result"] for message in team.ledger(task)
    ]
    results = next(found for found in reversed(blocks) if found)
    assert len(results) == len(parts)
    for result, part in zip(results, parts, strict=True):
        assert part in text_of(result), result
    return results
