"""The work of environments over HTTP, as the SDK's workers ask for it; and what they answer to calls."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import Anthropic
from anthropic.types.beta.environments import BetaHeartbeatPreconditionFailedError, BetaSelfHostedWork
from starlette.testclient import TestClient

from overnight.models import ToolCall
from overnight.store.database import Database
from tests import asking
from tests.api.support import KEY, Api, RedisServer, Worker
from tests.asking import CUSTOM, GUARDED, HANDED_OUT, PLAIN, Wish


@pytest.fixture
def sdk(client: TestClient, key: str) -> Anthropic:
    return Anthropic(api_key=key, base_url="http://testserver", http_client=client, max_retries=0)


@pytest.fixture
def environment_id(sdk: Anthropic) -> str:
    return sdk.beta.environments.create(name="laptop").id


@pytest.fixture
def live_sdk(api: Api) -> Iterator[Anthropic]:
    with httpx2.Client(trust_env=False) as http_client:
        yield Anthropic(api_key=KEY, base_url=api.url, http_client=http_client, max_retries=0)


def begun(sdk: Anthropic, environment_id: str) -> str:
    """A session at work."""
    session = sdk.beta.sessions.create(agent="agent_default", environment_id=environment_id)
    sdk.beta.sessions.events.send(
        session.id, events=[{"type": "user.message", "content": [{"type": "text", "text": "Go."}]}]
    )
    return session.id


def hand_out(database: Database, worker: Worker, session_id: str, *wishes: Wish) -> list[ToolCall]:
    """As Overnight's worker does when Claude asks for tools; lets go then."""
    turn = worker.begin(session_id)
    with database.write() as connection:
        turn, calls = asking.ask(connection, turn, wishes)
        turn = asking.begin(connection, turn, calls, wishes)
        assert asking.let_go(connection, turn)
    return calls


@pytest.fixture
def session_id(sdk: Anthropic, environment_id: str) -> str:
    return begun(sdk, environment_id)


def claimed(sdk: Anthropic, environment_id: str) -> BetaSelfHostedWork:
    work = sdk.beta.environments.work.poll(environment_id)
    assert work is not None
    return sdk.beta.environments.work.ack(work.id, environment_id=environment_id)


def result(call: ToolCall, text: str = "42", **more: Any) -> Any:
    content = [{"type": "text", "text": text}]
    return {"type": "user.tool_result", "tool_use_id": call.id, "content": content, "is_error": False, **more}


def refusal(sdk: Anthropic, session_id: str, *events: Any) -> str:
    with pytest.raises(anthropic.BadRequestError) as refused:
        sdk.beta.sessions.events.send(session_id, events=list(events))
    assert refused.value.body["error"]["details"]["field"].startswith(f"events.{len(events) - 1}.")  # type: ignore[index]
    return refused.value.body["error"]["message"]  # type: ignore[index, no-any-return]


def test_work_goes_through_its_states(
    sdk: Anthropic, module_database: Database, worker: Worker, environment_id: str, session_id: str
) -> None:
    queue = sdk.beta.environments.work
    assert queue.poll(environment_id) is None
    hand_out(module_database, worker, session_id, HANDED_OUT)
    polled = queue.poll(environment_id, anthropic_worker_id="w1")
    assert polled is not None
    polled.model_validate(polled.model_dump())
    assert (polled.type, polled.state, polled.environment_id, polled.secret) == ("work", "queued", environment_id, None)
    assert (polled.data.type, polled.data.id, polled.metadata) == ("session", session_id, {})
    assert queue.poll(environment_id) is None
    acked = queue.ack(polled.id, environment_id=environment_id)
    assert (acked.state, acked.acknowledged_at is not None, acked.started_at) == ("starting", True, None)
    first = queue.heartbeat(polled.id, environment_id=environment_id, expected_last_heartbeat="NO_HEARTBEAT")
    first.model_validate(first.model_dump())
    assert (first.type, first.state, first.lease_extended, first.ttl_seconds) == ("work_heartbeat", "active", True, 60)
    with pytest.raises(BetaHeartbeatPreconditionFailedError) as lost:
        queue.heartbeat(polled.id, environment_id=environment_id, expected_last_heartbeat="NO_HEARTBEAT")
    state = lost.value.details.current_state
    assert (state.state, state.lease_extended, state.ttl_seconds) == ("active", False, 60)
    assert state.last_heartbeat == first.last_heartbeat
    second = queue.heartbeat(
        polled.id,
        environment_id=environment_id,
        expected_last_heartbeat=first.last_heartbeat,
        desired_ttl_seconds=100_000,
    )
    assert (second.lease_extended, second.ttl_seconds) == (True, 3_600)
    current = queue.retrieve(polled.id, environment_id=environment_id)
    assert (current.state, current.latest_heartbeat_at) == ("active", second.last_heartbeat)
    assert queue.stop(polled.id, environment_id=environment_id).state == "stopping"
    told = queue.heartbeat(polled.id, environment_id=environment_id, expected_last_heartbeat="2026-01-01T00:00:00Z")
    assert (told.state, told.lease_extended) == ("stopping", False)
    stopped = queue.stop(polled.id, environment_id=environment_id, force=True)
    assert (stopped.state, stopped.stopped_at is not None) == ("stopped", True)
    with pytest.raises(anthropic.ConflictError) as twice:
        queue.stop(polled.id, environment_id=environment_id, force=True)
    assert twice.value.response.headers["x-should-retry"] == "false"
    again, gone = queue.list(environment_id, limit=1)  # its call has no result yet
    assert (again.state, gone.id, gone.state) == ("queued", polled.id, "stopped")


def test_numbers_and_labels(
    sdk: Anthropic, module_database: Database, worker: Worker, environment_id: str, session_id: str
) -> None:
    queue = sdk.beta.environments.work
    empty = queue.stats(environment_id)
    empty.model_validate(empty.model_dump())
    assert (empty.type, empty.depth, empty.pending, empty.oldest_queued_at) == ("work_queue_stats", 0, 0, None)
    hand_out(module_database, worker, session_id, HANDED_OUT)
    assert (queue.stats(environment_id).depth, queue.stats(environment_id).workers_polling) == (1, 0)
    for name in ("w1", "w2", "w1"):
        queue.poll(environment_id, anthropic_worker_id=name)
    now = queue.stats(environment_id)
    assert (now.depth, now.pending, now.workers_polling) == (0, 1, 2)
    (work,) = queue.list(environment_id)
    assert now.oldest_queued_at == work.created_at
    assert queue.update(work.id, environment_id=environment_id, metadata={"a": "1", "b": "2"}).metadata["a"] == "1"
    assert queue.update(work.id, environment_id=environment_id, metadata={"a": None}).metadata == {"b": "2"}


def test_an_unacknowledged_item_is_polled_again(
    sdk: Anthropic, module_database: Database, worker: Worker, environment_id: str, session_id: str
) -> None:
    hand_out(module_database, worker, session_id, HANDED_OUT)
    first = sdk.beta.environments.work.poll(environment_id)
    assert sdk.beta.environments.work.poll(environment_id) is None
    again = sdk.beta.environments.work.poll(environment_id, reclaim_older_than_ms=0)
    assert (first and first.id) == (again and again.id)


def test_a_result_ends_its_call(
    sdk: Anthropic, module_database: Database, worker: Worker, session_id: str, client: TestClient
) -> None:
    done, custom, open_one = hand_out(module_database, worker, session_id, HANDED_OUT, CUSTOM, HANDED_OUT)
    (task,) = client.get("/v1/tasks", params={"session_id": session_id}).json()["data"]
    assert (task["status"], task["wait_reason"]) == ("waiting", "tool_result")
    assert [call["id"] for call in task["pending"]] == [custom.id]  # the environment's ask nobody
    sent = sdk.beta.sessions.events.send(session_id, events=[result(done)])
    (echo,) = sent.data or []
    assert (echo.type, echo.tool_use_id) == ("user.tool_result", done.id)
    again = sdk.beta.sessions.events.send(session_id, events=[result(done)])
    assert [event.id for event in again.data or []] == [echo.id]
    listed = sdk.beta.sessions.events.list(session_id, types=["user.tool_result"]).data
    assert [(event.id, event.is_error, event.content[0].text) for event in listed] == [(echo.id, False, "42")]
    assert "has its answer already" in refusal(sdk, session_id, result(done, "43"))
    assert "send its result as user.custom_tool_result" in refusal(sdk, session_id, result(custom))
    as_custom = {"type": "user.custom_tool_result", "custom_tool_use_id": open_one.id}
    assert "send its result as user.tool_result" in refusal(sdk, session_id, as_custom)
    assert "this session has no tool call sevt_1" in refusal(
        sdk, session_id, {**result(open_one), "tool_use_id": "sevt_1"}
    )
    assert "answer each call once" in refusal(sdk, session_id, result(open_one), result(open_one))


def test_who_waits_for_the_task_waits_for_its_environment(
    sdk: Anthropic, module_database: Database, worker: Worker, environment_id: str, client: TestClient
) -> None:
    handed, asked = begun(sdk, environment_id), begun(sdk, environment_id)
    hand_out(module_database, worker, handed, HANDED_OUT)
    hand_out(module_database, worker, asked, HANDED_OUT, CUSTOM)
    seconds = []
    for session_id in (handed, asked):
        (task,) = client.get("/v1/tasks", params={"session_id": session_id}).json()["data"]
        began = time.monotonic()
        client.get(f"/v1/tasks/{task['id']}", params={"wait": 30 if session_id == asked else 1})
        seconds.append(time.monotonic() - began)
    assert seconds[0] >= 1
    assert seconds[1] < 15  # whoever waits has a result to give


def test_what_machines_find_can_be_sent(
    sdk: Anthropic, module_database: Database, worker: Worker, session_id: str
) -> None:
    (call,) = hand_out(module_database, worker, session_id, HANDED_OUT)
    sdk.beta.sessions.events.send(session_id, events=[result(call, "a\x00b")])
    (told,) = sdk.beta.sessions.events.list(session_id, types=["user.tool_result"]).data
    assert told.content[0].text == "a\ufffdb"  # type: ignore[union-attr, index]


def test_a_late_result_changes_nothing(
    sdk: Anthropic, module_database: Database, worker: Worker, session_id: str
) -> None:
    (call,) = hand_out(module_database, worker, session_id, HANDED_OUT)
    sdk.beta.sessions.events.send(session_id, events=[{"type": "user.interrupt"}])
    assert "has its answer already, which cannot be changed" in refusal(sdk, session_id, result(call))
    (told,) = sdk.beta.sessions.events.list(session_id, types=["user.tool_result"]).data
    assert (told.tool_use_id, told.is_error) == (call.id, True)


def test_a_call_that_asks_takes_a_result_when_it_is_allowed(
    sdk: Anthropic, module_database: Database, worker: Worker, session_id: str
) -> None:
    (call,) = hand_out(module_database, worker, session_id, GUARDED)
    (use,) = sdk.beta.sessions.events.list(session_id, types=["agent.tool_use"]).data
    assert (use.id, use.evaluated_permission) == (call.id, "ask")
    assert "must be allowed before it is carried out" in refusal(sdk, session_id, result(call))
    allow: Any = {"type": "user.tool_confirmation", "tool_use_id": call.id, "result": "allow"}
    sdk.beta.sessions.events.send(session_id, events=[allow])
    sdk.beta.sessions.events.send(session_id, events=[result(call)])  # its worker was quicker than ours


def test_elsewhere_overnights_workers_carry_it_out(sdk: Anthropic, module_database: Database, worker: Worker) -> None:
    session_id = begun(sdk, "env_default")
    turn = worker.begin(session_id)
    with module_database.write() as connection:
        _, (call,) = asking.ask(connection, turn, [PLAIN])
    assert "which is carried out by Overnight's workers" in refusal(sdk, session_id, result(call))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"block_ms": 0}, "block_ms"),
        ({"block_ms": 1_000}, "block_ms"),
        ({"reclaim_older_than_ms": -1}, "reclaim_older_than_ms"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_polls_are_refused(client: TestClient, environment_id: str, query: Any, field: str) -> None:
    answer = client.get(f"/v1/environments/{environment_id}/work/poll", params=query)
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field)


def test_what_is_not_there_is_not_found(client: TestClient, environment_id: str) -> None:
    for method, path in [
        ("GET", "env_1/work/poll"),
        ("GET", "env_1/work/stats"),
        ("GET", "env_1/work"),
        ("GET", f"{environment_id}/work/work_1"),
        ("POST", f"{environment_id}/work/work_1/ack"),
        ("POST", f"{environment_id}/work/work_1/stop"),
        ("POST", f"{environment_id}/work/work_1/heartbeat"),
    ]:
        assert client.request(method, f"/v1/environments/{path}").status_code == 404, path
    wrong = client.post(f"/v1/environments/{environment_id}/work/w/heartbeat?expected_last_heartbeat=soon")
    assert wrong.json()["error"]["message"].startswith("expected_last_heartbeat: must be NO_HEARTBEAT")


def test_a_blocked_poll_hears_of_work_at_once(
    api: Api, live_sdk: Anthropic, module_database: Database, worker: Worker, redis_server: RedisServer
) -> None:
    environment_id = live_sdk.beta.environments.create(name="laptop").id
    session_id = begun(live_sdk, environment_id)
    began = time.monotonic()
    assert live_sdk.beta.environments.work.poll(environment_id, block_ms=500) is None
    assert 0.45 < time.monotonic() - began < 5
    channel = f"overnight:live:{environment_id}"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(live_sdk.beta.environments.work.poll, environment_id, block_ms=999)
        hand_out(module_database, worker, session_id, HANDED_OUT)
        redis_server.client.publish(channel, "")  # as Overnight's worker does after its commit
        work = waiting.result(timeout=20)
    assert work is not None
    assert work.data.id == session_id


def test_polls_that_block_hold_no_thread(api: Api, live_sdk: Anthropic) -> None:
    environment_id = live_sdk.beta.environments.create(name="laptop").id
    polls = 60  # three times as many as there are threads and connections
    gate = threading.Barrier(polls + 1)

    def poll() -> None:
        with api.new_client() as client:
            gate.wait(timeout=60)
            answer = client.get(f"/v1/environments/{environment_id}/work/poll", params={"block_ms": 999})
            assert (answer.status_code, answer.json()) == (200, None)

    with ThreadPoolExecutor(polls) as pool:
        waiting = [pool.submit(poll) for _ in range(polls)]
        gate.wait(timeout=60)
        began = time.monotonic()
        for each in waiting:
            each.result(timeout=30)
    assert time.monotonic() - began < 6  # twenty at a time would take three seconds and more of waiting alone
