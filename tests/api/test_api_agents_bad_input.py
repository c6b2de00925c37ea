"""Agents that are wrong: the answer names the field."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.test_api_agents import CUSTOM, MCP, MODEL, PYTHON, SEARCH, SERVER, STDIO, TOOLSET

DEEP: Any = {}
for _ in range(70):
    DEEP = {"properties": DEEP}
ASK = {"type": "always_ask"}


def tools(*wrong: Any, servers: Any = ()) -> dict[str, Any]:
    return {"tools": list(wrong), "mcp_servers": list(servers)}


BODIES: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": None}, "name"),
    ({"name": "n" * 256}, "name"),
    ({"model": None}, "model"),
    ({"model": {}}, "model.id"),
    ({"model": {"id": "m", "speed": "fast"}}, "model.speed"),
    ({"system": "a\x00"}, "system"),
    ({"skills": []}, "skills"),
    ({"multiagent": None}, "multiagent"),
    ({"execution_identity": {"type": "service_account"}}, "execution_identity"),
    ({"colour": "red"}, "colour"),
    ({"metadata": {"a": 1}}, "metadata.a"),
    ({"limits": {"max_steps": 0}}, "limits.max_steps"),
    ({"limits": {"max_steps": 1.5}}, "limits.max_steps"),
    ({"limits": {"max_tokens": 0}}, "limits.max_tokens"),
    ({"limits": {"max_retry_age": -1}}, "limits.max_retry_age"),
    ({"limits": {"max_retry_age": "60"}}, "limits.max_retry_age"),
    ({"limits": {"max_retry_age": float("nan")}}, "limits.max_retry_age"),
    ({"limits": {"max_hours": 1}}, "limits.max_hours"),
    ({"history": {"type": "none"}}, "history.type"),
    ({"history": {"type": "full", "keep": 1}}, "history.keep"),
    ({"history": {"type": "full", "max_tokens": 5_000}}, "history"),
    ({"history": {"type": "window", "max_tokens": 10}}, "history.max_tokens"),
    ({"history": {"type": "compact", "max_messages": 1}}, "history.max_messages"),
    (tools({"type": "computer_20251124"}), "tools.0"),
    (tools("bash"), "tools.0"),
    (tools(*[{**CUSTOM, "name": f"t{place}"} for place in range(257)]), "tools"),
    (tools({**TOOLSET, "configs": [{"name": "fly"}]}), "tools.0.configs.0.name"),
    (tools({**TOOLSET, "configs": [{"name": "web_search"}]}), "tools.0.configs.0.name"),
    (tools({**TOOLSET, "configs": [{"name": "read", "type": "bash"}]}), "tools.0.configs.0.type"),
    (tools({**TOOLSET, "configs": [{"name": "read"}, {"name": "read"}]}), "tools.0.configs"),
    (
        tools({**TOOLSET, "default_config": {"permission_policy": {"type": "auto"}}}),
        "tools.0.default_config.permission_policy.type",
    ),
    (tools({**CUSTOM, "name": "a b"}), "tools.0.name"),
    (tools({**CUSTOM, "name": "n" * 129}), "tools.0.name"),
    (tools({**CUSTOM, "description": " "}), "tools.0.description"),
    (tools({**CUSTOM, "input_schema": {}}), "tools.0.input_schema"),
    (tools({**CUSTOM, "input_schema": {"type": "array"}}), "tools.0.input_schema"),
    (tools({**CUSTOM, "input_schema": {"type": "object", "a": "\ud800"}}), "tools.0.input_schema"),
    (tools({**CUSTOM, "input_schema": {"type": "object", "a": [float("inf")]}}), "tools.0.input_schema"),
    (tools({**CUSTOM, "input_schema": {"type": "object", **DEEP}}), "tools.0.input_schema"),
    (tools({**CUSTOM, "permission_policy": ASK}), "tools.0.permission_policy"),
    (tools({**PYTHON, "name": ""}), "tools.0.name"),
    (tools({**PYTHON, "permission_policy": {"type": "sometimes"}}), "tools.0.permission_policy.type"),
    (tools({**SEARCH, "name": "search"}), "tools.0.name"),
    (tools({**SEARCH, "user_location": {"city": "a\x00"}}), "tools.0.user_location"),
    (tools({"type": "tool_search_tool_bm25_20251119", "name": "tool_search"}), "tools.0.name"),
    (tools({"type": "tool_search_20251119", "name": "tool_search"}), "tools.0"),
    (tools(CUSTOM, {**PYTHON, "name": "look_up"}), "tools.1.name"),
    (tools(TOOLSET, {**PYTHON, "name": "read"}), "tools.1.name"),
    (tools({**PYTHON, "name": "read"}, TOOLSET), "tools.1"),
    (tools(MCP), "tools.0.mcp_server_name"),
    (tools(MCP, MCP, servers=[SERVER]), "tools.1.mcp_server_name"),
    (tools(servers=[SERVER]), "mcp_servers.0.name"),
    (tools(MCP, servers=[SERVER, SERVER]), "mcp_servers.1.name"),
    (tools(MCP, servers=[{**SERVER, "url": "ftp://example.com"}]), "mcp_servers.0.url"),
    (tools(MCP, servers=[{**SERVER, "url": "https://"}]), "mcp_servers.0.url"),
    (tools(MCP, servers=[{**SERVER, "url": "https://[x/"}]), "mcp_servers.0.url"),
    (tools(MCP, servers=[{**SERVER, "url": "https://example.com:99999/"}]), "mcp_servers.0.url"),
    (tools(MCP, servers=[{**SERVER, "authorization_token": "t"}]), "mcp_servers.0.authorization_token"),
    (tools(MCP, servers=[{**SERVER, "type": "sse"}]), "mcp_servers.0"),
    (tools(MCP, servers=[{**STDIO, "command": ""}]), "mcp_servers.0.command"),
    (tools(MCP, servers=[{**STDIO, "args": "x"}]), "mcp_servers.0.args"),
    (tools(MCP, servers=[{**STDIO, "env": {"A": 1}}]), "mcp_servers.0.env.A"),
    (tools(MCP, servers=[{**STDIO, "env": {"A=B": "1"}}]), "mcp_servers.0.env.A=B"),
]
CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"version": 0}, "version"),
    ({"version": "1"}, "version"),
    ({"version": 2**31}, "version"),
    ({"name": None}, "name"),
    ({"model": None}, "model"),
    ({"metadata": None}, "metadata"),
    ({"limits": None}, "limits"),
    ({"skills": None}, "skills"),
    ({"tools": [MCP]}, "tools.0.mcp_server_name"),
]
QUERIES = [
    ("", "limit=0", "limit"),
    ("", "include_archived=maybe", "include_archived"),
    ("", "page=x", "page"),
    ("/{}", "version=0", "version"),
    ("/{}", "version=2147483648", "version"),
    ("/{}/versions", "limit=101", "limit"),
    ("/{}/versions", "page=WyJhIl0", "page"),
]


@pytest.fixture
def agent_id(client: TestClient) -> str:
    return str(client.post("/v1/agents", json={"name": "Clerk", "model": MODEL}).json()["id"])


def named(response: Any) -> str:
    """The field that the details name, which the message names too."""
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    field = str(error["details"]["field"])
    assert error["message"].startswith(f"{field}: "), error["message"]
    return field


def send(client: TestClient, path: str, body: Any) -> Any:
    return client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})


def test_new_agents(client: TestClient) -> None:
    for body, field in BODIES:
        assert named(send(client, "/v1/agents", {"name": "Clerk", "model": MODEL, **body})) == field, body
    assert named(send(client, "/v1/agents", {"name": "Clerk"})) == "model"
    assert client.get("/v1/agents").json()["data"] == []


def test_overrides(client: TestClient) -> None:
    override = {"type": "agent_with_overrides", "id": "agent_default"}
    for body, field in BODIES:
        if "tools" in body:
            response = send(client, "/v1/sessions", {"agent": {**override, **body}})
            assert named(response) == f"agent.{field}", body
    assert client.get("/v1/sessions").json()["data"] == []


def test_changes(client: TestClient, agent_id: str) -> None:
    for body, field in CHANGES:
        assert named(send(client, f"/v1/agents/{agent_id}", body)) == field, body
    assert client.get(f"/v1/agents/{agent_id}").json()["version"] == 1


def test_queries(client: TestClient, agent_id: str) -> None:
    for path, query, field in QUERIES:
        assert named(client.get(f"/v1/agents{path.format(agent_id)}?{query}")) == field, (path, query)


def test_what_cannot_be_done_yet_is_told_from_mistakes(client: TestClient) -> None:
    for field in ("skills", "multiagent", "execution_identity"):
        error = send(client, "/v1/agents", {"name": "Clerk", "model": MODEL, field: None}).json()["error"]
        assert "not supported yet" in error["message"]


def test_cursors_beyond_all_versions(client: TestClient, agent_id: str) -> None:
    page = "WzkyMjMzNzIwMzY4NTQ3NzU4MDdd"  # the greatest number that a cursor may hold
    found = client.get(f"/v1/agents/{agent_id}/versions", params={"page": page}).json()
    assert [agent["id"] for agent in found["data"]] == [agent_id]
