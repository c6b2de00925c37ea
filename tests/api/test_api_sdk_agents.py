"""The official SDK, unmodified, makes agents here and starts sessions with them."""

from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import Anthropic
from starlette.testclient import TestClient

from tests.api.support import KEY, MODEL, Api

CUSTOM: Any = {
    "type": "custom",
    "name": "look_up",
    "description": "Looks up.",
    "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]},
}
TOOLSET: Any = {"type": "agent_toolset_20260401", "configs": [{"name": "bash", "enabled": False}]}
MCP: Any = {"type": "mcp_toolset", "mcp_server_name": "files"}
SERVER: Any = {"type": "url", "name": "files", "url": "https://example.com/mcp"}


@pytest.fixture
def sdk(client: TestClient, key: str) -> Anthropic:
    return Anthropic(api_key=key, base_url="http://testserver", http_client=client, max_retries=0)


def test_the_life_of_an_agent(sdk: Anthropic) -> None:
    agent = sdk.beta.agents.create(
        name="Clerk",
        model=MODEL,
        system="Be brief.",
        tools=[TOOLSET, MCP, CUSTOM],
        mcp_servers=[SERVER],
        metadata={"team": "a"},
    )
    agent.model_validate(agent.model_dump())  # strictly: each field that its type wants is there
    toolset, mcp, custom = agent.tools
    assert toolset.type == "agent_toolset_20260401"
    assert (toolset.configs[0].name, toolset.configs[0].enabled) == ("bash", False)
    assert mcp.type == "mcp_toolset"
    assert mcp.default_config.permission_policy.type == "always_ask"
    assert custom.type == "custom"
    assert custom.input_schema.required == ["q"]
    changed = sdk.beta.agents.update(agent.id, version=1, system=None)
    assert (changed.version, changed.system, changed.name) == (2, None, "Clerk")
    assert sdk.beta.agents.retrieve(agent.id, version=1).system == "Be brief."
    assert sdk.beta.agents.retrieve(agent.id) == changed
    assert [each.version for each in sdk.beta.agents.versions.list(agent.id, limit=1)] == [2, 1]
    assert sdk.beta.agents.archive(agent.id).archived_at is not None
    assert list(sdk.beta.agents.list()) == []
    assert [each.id for each in sdk.beta.agents.list(include_archived=True)] == [agent.id]


def test_lists_page_by_themselves(sdk: Anthropic) -> None:
    made = [sdk.beta.agents.create(name=f"Clerk {place}", model=MODEL).id for place in range(5)]
    assert [agent.id for agent in sdk.beta.agents.list(limit=2)] == made[::-1]


def test_a_session_shows_the_agent_it_started_with(sdk: Anthropic) -> None:
    agent = sdk.beta.agents.create(name="Clerk", model=MODEL, tools=[CUSTOM])
    session = sdk.beta.sessions.create(
        agent={"type": "agent", "id": agent.id, "version": 1}, environment_id="env_default"
    )
    session.agent.model_validate(session.agent.model_dump())
    assert (session.agent.id, session.agent.name, session.agent.model.id) == (agent.id, "Clerk", MODEL)
    assert session.agent.tools == agent.tools
    other = sdk.beta.sessions.create(
        agent={"type": "agent_with_overrides", "id": agent.id, "tools": [], "system": "S", "model": "other"},
        environment_id="env_default",
    )
    assert (other.agent.tools, other.agent.system, other.agent.model.id) == ([], "S", "other")
    assert {each.id for each in sdk.beta.sessions.list(agent_id=agent.id, agent_version=1)} == {session.id, other.id}
    assert list(sdk.beta.sessions.list(agent_id=agent.id, agent_version=2)) == []


def test_the_lock_is_the_sdks_conflict_and_is_not_tried_again(api: Api) -> None:
    asked: list[str] = []

    def count(request: httpx2.Request) -> None:
        asked.append(request.method)

    with httpx2.Client(event_hooks={"request": [count]}, trust_env=False) as http_client:
        sdk = Anthropic(api_key=KEY, base_url=api.url, http_client=http_client)
        agent = sdk.beta.agents.create(name="Clerk", model=MODEL)
        sdk.beta.agents.update(agent.id, version=1, name="Chief")
        asked.clear()
        with pytest.raises(anthropic.ConflictError) as conflict:
            sdk.beta.agents.update(agent.id, version=1, name="Cook")
    assert conflict.value.type == "conflict_error"
    assert "at version 2, not 1" in conflict.value.message
    assert asked == ["POST"]


def test_what_is_not_supported_is_refused_by_name(sdk: Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="skills: is not supported yet"):
        sdk.beta.agents.create(name="Clerk", model=MODEL, skills=[])
    with pytest.raises(anthropic.NotFoundError):
        sdk.beta.agents.retrieve("agent_0")
