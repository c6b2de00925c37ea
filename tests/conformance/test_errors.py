"""Each kind of failure is the SDK's error class of its status, with Anthropic's envelope."""

from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import Anthropic
from anthropic.types.beta.environments import (
    BetaSelfHostedWork,
    BetaSelfHostedWorkHeartbeatResponse,
    BetaSelfHostedWorkQueueStats,
)

from tests.conformance.scenes import FILES, MODEL, Scenes, call, conforms, raw, says, script, text
from tests.process.cluster import KEY, Cluster, until

Act = Callable[[Scenes], object]


def conflict(scenes: Scenes) -> object:
    agent = scenes.agent()
    scenes.beta.agents.update(agent, version=1, name="Chief")
    return scenes.beta.agents.update(agent, version=1, name="Cook")


def beyond_the_limit(scenes: Scenes) -> object:
    return scenes.begin(says("x" * 5_000_000))


def lost_work(scenes: Scenes) -> object:
    environment = scenes.beta.environments.create(name="Lab").id
    prompt = script([call("glob", pattern="*")], [text("Done.")])
    session = scenes.begin(prompt, agent=scenes.agent(FILES), environment_id=environment)
    work = scenes.beta.environments.work
    item = until(lambda: work.poll(environment), "work")
    conforms(BetaSelfHostedWork, raw(work.with_raw_response.ack(item.id, environment_id=environment)))
    assert item.data.id == session.id
    beat = work.with_raw_response.heartbeat(item.id, environment_id=environment, expected_last_heartbeat="NO_HEARTBEAT")
    conforms(BetaSelfHostedWorkHeartbeatResponse, raw(beat))
    conforms(BetaSelfHostedWorkQueueStats, raw(work.with_raw_response.stats(environment)))
    return work.heartbeat(item.id, environment_id=environment, expected_last_heartbeat="2020-01-01T00:00:00Z")


FAILURES: list[tuple[str, Act, type[anthropic.APIStatusError], int, str]] = [
    (
        "bad input",
        lambda scenes: scenes.beta.agents.create(name="", model=MODEL),
        anthropic.BadRequestError,
        400,
        "invalid_request_error",
    ),
    (
        "unknown agent",
        lambda scenes: scenes.begin(agent="agent_0"),
        anthropic.BadRequestError,
        400,
        "invalid_request_error",
    ),
    (
        "wrong key",
        lambda scenes: scenes.client.with_options(api_key="wrong").beta.sessions.list(),
        anthropic.AuthenticationError,
        401,
        "authentication_error",
    ),
    (
        "no such session",
        lambda scenes: scenes.beta.sessions.retrieve("sesn_0"),
        anthropic.NotFoundError,
        404,
        "not_found_error",
    ),
    (
        "no such agent",
        lambda scenes: scenes.beta.agents.retrieve("agent_0"),
        anthropic.NotFoundError,
        404,
        "not_found_error",
    ),
    ("version lock", conflict, anthropic.ConflictError, 409, "conflict_error"),
]


@pytest.mark.parametrize(("act", "kind", "status", "name"), [row[1:] for row in FAILURES], ids=[r[0] for r in FAILURES])
def test_errors(scenes: Scenes, act: Act, kind: type[anthropic.APIStatusError], status: int, name: str) -> None:
    with pytest.raises(anthropic.APIStatusError) as raised:
        act(scenes)
    error = raised.value
    assert type(error) is kind
    assert (error.status_code, error.type) == (status, name)
    body: Any = error.body
    assert set(body) == {"type", "error", "request_id"}
    assert (body["type"], body["error"]["type"]) == ("error", name)
    assert body["error"]["message"]
    assert error.request_id == body["request_id"] == error.response.headers["request-id"]


def test_a_body_too_large(scenes: Scenes) -> None:
    with pytest.raises(anthropic.APIStatusError) as raised:
        beyond_the_limit(scenes)
    assert raised.value.status_code == 413


def test_work_that_somebody_else_has(scenes: Scenes) -> None:
    with pytest.raises(anthropic.APIStatusError) as raised:
        lost_work(scenes)
    assert raised.value.status_code == 412
    assert type(raised.value).__name__ == "BetaHeartbeatPreconditionFailedError"


def test_both_ways_to_say_who_asks(overnight: Cluster) -> None:
    for headers in ({"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}):
        assert httpx2.get(f"{overnight.api_url}/v1/agents", headers=headers).status_code == 200
    with Anthropic(base_url=overnight.api_url, auth_token=KEY, api_key=None) as client:
        client.beta.agents.list()
