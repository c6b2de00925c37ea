"""Agents, their versions, and environments: every field of every answer."""

from typing import Any

import pytest
from anthropic import BadRequestError, ConflictError, NotFoundError
from anthropic.types.beta import (
    BetaEnvironment,
    BetaEnvironmentDeleteResponse,
    BetaManagedAgentsAgent,
)

from tests.conformance.scenes import FILES, LOOK_UP, MODEL, Scenes, conforms, pages, raw


def test_the_life_of_an_agent(scenes: Scenes) -> None:
    agents, raw_agents = scenes.beta.agents, scenes.beta.agents.with_raw_response
    tools: Any = [LOOK_UP, FILES, {"type": "mcp_toolset", "mcp_server_name": "m"}]
    servers: Any = [{"type": "url", "name": "m", "url": "https://example.com/mcp"}]
    sent: Any = {"description": "D", "system": "S", "metadata": {"k": "v"}, "tools": tools, "mcp_servers": servers}
    made = raw(raw_agents.create(name="Clerk", model={"id": MODEL}, **sent))
    conforms(BetaManagedAgentsAgent, made)
    assert (made["version"], made["archived_at"]) == (1, None)
    assert {name: made[name] for name in ("name", "description", "system", "metadata")} == {
        "name": "Clerk",
        "description": "D",
        "system": "S",
        "metadata": {"k": "v"},
    }
    assert [tool["type"] for tool in made["tools"]] == ["custom", "agent_toolset_20260401", "mcp_toolset"]
    assert made["tools"][0] == LOOK_UP
    assert made["mcp_servers"] == servers
    assert made["id"].startswith("agent_")
    assert raw(raw_agents.retrieve(made["id"])) == made

    changed = raw(raw_agents.update(made["id"], version=1, system=None, metadata={"k": None, "l": "w"}))
    conforms(BetaManagedAgentsAgent, changed)
    assert (changed["version"], changed["system"], changed["metadata"]) == (2, None, {"l": "w"})
    assert changed["created_at"] == made["created_at"] < changed["updated_at"]
    assert raw(raw_agents.retrieve(made["id"], version=1))["system"] == "S"
    with pytest.raises(ConflictError):
        agents.update(made["id"], version=1, name="Cook")
    versions = pages(raw_agents.versions.list, made["id"], limit=1)
    assert [each["version"] for each in versions] == [2, 1]
    for each in versions:
        conforms(BetaManagedAgentsAgent, each)

    archived = raw(raw_agents.archive(made["id"]))
    conforms(BetaManagedAgentsAgent, archived)
    assert archived["archived_at"] is not None
    with pytest.raises(BadRequestError, match="is archived"):
        scenes.begin(agent=made["id"])


def test_agents_are_listed_newest_first_and_archived_ones_when_asked_for(scenes: Scenes) -> None:
    made = [scenes.agent() for _ in range(3)]
    scenes.beta.agents.archive(made[1])
    listed = pages(scenes.beta.agents.with_raw_response.list, limit=2, include_archived=True)
    assert [each["id"] for each in listed][:3] == made[::-1]
    assert [each.id for each in scenes.beta.agents.list(limit=2)][:2] == [made[2], made[0]]
    for each in listed:
        conforms(BetaManagedAgentsAgent, each)


def test_the_life_of_an_environment(scenes: Scenes) -> None:
    environments, raw_environments = scenes.beta.environments, scenes.beta.environments.with_raw_response
    config: Any = {"type": "self_hosted"}
    made = raw(raw_environments.create(name="Lab", config=config, description="D", metadata={"k": "v"}))
    conforms(BetaEnvironment, made)
    assert (made["name"], made["config"], made["description"], made["metadata"]) == ("Lab", config, "D", {"k": "v"})
    assert made["archived_at"] is None
    assert raw(raw_environments.retrieve(made["id"])) == made
    changed = raw(raw_environments.update(made["id"], name="Den", metadata={"k": None}))
    conforms(BetaEnvironment, changed)
    assert (changed["name"], changed["metadata"], changed["description"]) == ("Den", {}, "D")
    other = environments.create(name="Other")
    listed = pages(raw_environments.list, limit=1)
    assert [each["id"] for each in listed][:2] == [other.id, made["id"]]
    for each in listed:
        conforms(BetaEnvironment, each)
    archived = raw(raw_environments.archive(made["id"]))
    conforms(BetaEnvironment, archived)
    assert archived["archived_at"] is not None
    assert made["id"] not in {each.id for each in environments.list()}
    assert made["id"] in {each.id for each in environments.list(include_archived=True)}
    deleted = raw(raw_environments.delete(made["id"]))
    conforms(BetaEnvironmentDeleteResponse, deleted)
    assert deleted == {"id": made["id"], "type": "environment_deleted"}
    with pytest.raises(NotFoundError):
        environments.retrieve(made["id"])


def test_the_built_in_environment(scenes: Scenes) -> None:
    conforms(BetaEnvironment, raw(scenes.beta.environments.with_raw_response.retrieve("env_default")))
