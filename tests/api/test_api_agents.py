"""`/v1/agents`: created, changed under the version lock, listed, archived; sessions and tasks that start with them."""

from typing import Any

from starlette.testclient import TestClient

from api.app import create_app
from overnight.settings import Settings
from overnight.store import keys
from overnight.store.database import Database
from tests.api.support import KEY, MODEL, RedisServer

CUSTOM = {"type": "custom", "name": "look_up", "description": "Looks up.", "input_schema": {"type": "object"}}
PYTHON = {"type": "python", "name": "send_mail", "permission_policy": {"type": "always_ask"}}
SEARCH = {"type": "web_search_20260318", "name": "web_search", "max_uses": 3}
TOOLSET = {
    "type": "agent_toolset_20260401",
    "default_config": {"enabled": False},
    "configs": [{"name": "read", "enabled": True}, {"name": "bash", "permission_policy": {"type": "always_ask"}}],
}
MCP = {"type": "mcp_toolset", "mcp_server_name": "files", "configs": [{"name": "list", "enabled": False}]}
SERVER = {"type": "url", "name": "files", "url": "https://example.com/mcp"}
STDIO = {"type": "stdio", "name": "files", "command": "serve-files", "args": ["--all"], "env": {"LEVEL": "1"}}


def create(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/agents", json={"name": "Clerk", "model": MODEL, **body})
    assert response.status_code == 200, response.text
    agent: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/v1/agents/{agent['id']}"
    return agent


def change(client: TestClient, agent: dict[str, Any], **body: Any) -> Any:
    return client.post(f"/v1/agents/{agent['id']}", json=body)


def start(client: TestClient, agent: Any, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/sessions", json={"agent": agent, **body})
    assert response.status_code == 200, response.text
    session: dict[str, Any] = response.json()
    return session


def refused(response: Any, status: int = 400) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    return error


def test_an_agent_says_all_that_holds_for_it(client: TestClient) -> None:
    agent = create(client)
    settings = Settings(_env_file=None)
    assert agent["limits"] == {
        "max_steps": settings.max_steps,
        "max_tokens": settings.max_tokens,
        "max_retry_age": settings.max_retry_age,
    }
    assert (agent["history"], agent["version"], agent["tools"], agent["system"]) == ({"type": "compact"}, 1, [], None)
    assert (agent["skills"], agent["execution_identity"]) == ([], {"type": "service_account"})
    assert client.get(f"/v1/agents/{agent['id']}").json() == agent


def test_what_is_given_is_kept(client: TestClient) -> None:
    said = {
        "description": "Files things.",
        "system": "Be brief.",
        "metadata": {"team": "a"},
        "limits": {"max_steps": 5, "max_tokens": 100, "max_retry_age": 0},
        "history": {"type": "full"},
    }
    agent = create(client, model={"id": MODEL}, **said)
    assert {name: agent[name] for name in said} == said
    assert agent["model"] == {"id": MODEL}


def test_tools_are_shown_with_their_defaults(client: TestClient) -> None:
    agent = create(client, tools=[TOOLSET, MCP, CUSTOM, PYTHON, SEARCH], mcp_servers=[SERVER])
    toolset, mcp, *others = agent["tools"]
    allow, ask = {"type": "always_allow"}, {"type": "always_ask"}
    assert toolset["default_config"] == {"enabled": False, "permission_policy": allow}
    assert toolset["configs"] == [
        {"type": "read", "name": "read", "enabled": True, "permission_policy": allow},
        {"type": "bash", "name": "bash", "enabled": False, "permission_policy": ask},
    ]
    assert mcp["default_config"] == {"enabled": True, "permission_policy": ask}
    assert mcp["configs"] == [{"name": "list", "enabled": False, "permission_policy": ask}]
    assert others == [CUSTOM, PYTHON, SEARCH]
    assert agent["mcp_servers"] == [SERVER]
    again = create(client, tools=agent["tools"], mcp_servers=agent["mcp_servers"])
    assert again["tools"] == agent["tools"]


def test_a_change_replaces_what_it_names(client: TestClient) -> None:
    agent = create(client, system="Be brief.", description="D", tools=[CUSTOM], limits={"max_steps": 5})
    changed = change(client, agent, version=1, system="", tools=None, limits={"max_tokens": 7}).json()
    assert (changed["version"], changed["system"], changed["tools"]) == (2, None, [])
    assert (changed["description"], changed["name"], changed["model"]) == ("D", "Clerk", {"id": MODEL})
    assert (changed["limits"]["max_steps"], changed["limits"]["max_tokens"]) == (5, 7)
    back = change(client, agent, limits={"max_steps": None}, model="other", history={"type": "window"}).json()
    assert (back["limits"]["max_steps"], back["model"], back["history"]) == (200, {"id": "other"}, {"type": "window"})
    assert change(client, agent, history=None).json()["history"] == {"type": "compact"}


def test_metadata_is_patched(client: TestClient) -> None:
    agent = create(client, metadata={"a": "1", "b": "2"})
    assert change(client, agent, metadata={"b": None, "c": "3"}).json()["metadata"] == {"a": "1", "c": "3"}
    error = refused(change(client, agent, metadata={f"k{place}": "v" for place in range(15)}))
    assert error["details"]["field"] == "metadata"
    assert client.get(f"/v1/agents/{agent['id']}").json()["version"] == 2


def test_the_version_lock(client: TestClient) -> None:
    agent = create(client)
    assert change(client, agent, version=1, name="Chief").json()["version"] == 2
    response = change(client, agent, version=1, name="Cook")
    error = refused(response, 409)
    assert (error["type"], error["details"]) == ("conflict_error", {"field": "version", "current_version": 2})
    assert response.headers["x-should-retry"] == "false"
    assert change(client, agent, version=2, name="Chief").json()["version"] == 2


def test_servers_and_toolsets_must_still_match_after_a_change(client: TestClient) -> None:
    agent = create(client, tools=[MCP], mcp_servers=[SERVER])
    assert refused(change(client, agent, tools=[]))["details"]["field"] == "mcp_servers.0.name"
    assert refused(change(client, agent, mcp_servers=[]))["details"]["field"] == "tools.0.mcp_server_name"
    assert change(client, agent, tools=[], mcp_servers=None).json()["mcp_servers"] == []


def test_versions_stay_as_they_were(client: TestClient) -> None:
    agent = create(client)
    for name in ("Chief", "Cook"):
        change(client, agent, name=name)
    path = f"/v1/agents/{agent['id']}"
    assert client.get(path, params={"version": 1}).json() == agent
    first = client.get(f"{path}/versions", params={"limit": 2}).json()
    assert [each["name"] for each in first["data"]] == ["Cook", "Chief"]
    rest = client.get(f"{path}/versions", params={"limit": 2, "page": first["next_page"]}).json()
    assert (rest["data"], rest["next_page"]) == ([agent], None)
    assert "has no version 4" in refused(client.get(path, params={"version": 4}), 404)["message"]


def test_listing(client: TestClient) -> None:
    made = [create(client, name=f"Clerk {place}") for place in range(3)]
    client.post(f"/v1/agents/{made[0]['id']}/archive")
    first = client.get("/v1/agents", params={"limit": 1}).json()
    assert first["data"] == [made[2]]
    rest = client.get("/v1/agents", params={"limit": 1, "page": first["next_page"]}).json()
    assert (rest["data"], rest["next_page"]) == ([made[1]], None)
    assert len(client.get("/v1/agents", params={"include_archived": True}).json()["data"]) == 3
    since = {"created_at[gte]": made[2]["created_at"]}
    assert client.get("/v1/agents", params=since).json()["data"] == [made[2]]


def test_creating_twice_under_one_key_makes_one(client: TestClient) -> None:
    headers = {"idempotency-key": "once"}
    answers = [client.post("/v1/agents", json={"name": "A", "model": MODEL}, headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert len(client.get("/v1/agents").json()["data"]) == 1


def test_a_session_keeps_the_version_it_started_with(client: TestClient) -> None:
    agent = create(client, system="Be brief.", description="D", tools=[CUSTOM], limits={"max_tokens": 77})
    session = start(client, agent["id"])
    change(client, agent, system="Be long.", name="Chief", tools=[])
    kept = client.get(f"/v1/sessions/{session['id']}").json()
    assert kept == session
    assert (kept["model"], kept["max_tokens"]) == (MODEL, 77)
    shown = {name: kept["agent"][name] for name in ("id", "version", "name", "description", "system", "tools")}
    assert shown == {name: agent[name] for name in shown}
    assert start(client, agent["id"])["agent"]["version"] == 2
    earlier = start(client, {"type": "agent", "id": agent["id"], "version": 1})
    assert (earlier["agent"]["version"], earlier["agent"]["system"]) == (1, "Be brief.")


def test_a_session_may_replace_parts_of_its_agent(client: TestClient) -> None:
    agent = create(client, system="Be brief.", tools=[MCP, CUSTOM], mcp_servers=[SERVER])
    named = {"type": "agent_with_overrides", "id": agent["id"]}
    replaced = start(client, {**named, "model": "other", "system": None, "tools": [SEARCH]})
    assert (replaced["agent"]["model"], replaced["agent"]["system"]) == ({"id": "other"}, None)
    assert (replaced["agent"]["tools"], replaced["agent"]["mcp_servers"]) == ([SEARCH], [SERVER])
    assert client.get("/v1/sessions").json()["data"] == [replaced]
    kept = start(client, named)
    assert (kept["agent"]["system"], kept["agent"]["tools"]) == ("Be brief.", agent["tools"])
    without = client.post("/v1/sessions", json={"agent": {**named, "mcp_servers": []}})
    assert refused(without)["details"]["field"] == "agent.tools.0.mcp_server_name"
    default = start(client, {"type": "agent_with_overrides", "id": "agent_default", "tools": [CUSTOM]})
    assert default["agent"]["tools"] == [CUSTOM]


def test_a_task_starts_with_an_agent(client: TestClient) -> None:
    agent = create(client, system="Be brief.", limits={"max_tokens": 77})

    def session_of(**body: Any) -> dict[str, Any]:
        response = client.post("/v1/tasks", json={"prompt": "x", **body})
        assert response.status_code == 202, response.text
        session: dict[str, Any] = client.get(f"/v1/sessions/{response.json()['session_id']}").json()
        return session

    given = session_of(agent=agent["id"])
    assert (given["agent"]["id"], given["model"], given["max_tokens"]) == (agent["id"], MODEL, 77)
    assert given["agent"]["system"] == "Be brief."
    own = session_of(agent={"type": "agent", "id": agent["id"], "version": 1}, model="other", system="S", max_tokens=5)
    assert (own["model"], own["agent"]["system"], own["max_tokens"]) == ("other", "S", 5)
    assert session_of()["agent"]["id"] == session_of(agent="agent_default")["agent"]["id"] == "agent_default"
    other = {"type": "agent_with_overrides", "id": agent["id"], "system": "Be long."}
    error = refused(client.post("/v1/tasks", json={"prompt": "x", "session_id": own["id"], "agent": other}))
    assert error["details"]["field"] == "agent"


def test_nothing_starts_with_an_archived_agent(client: TestClient) -> None:
    agent = create(client)
    session = start(client, agent["id"])
    archived = client.post(f"/v1/agents/{agent['id']}/archive").json()
    assert archived["archived_at"] is not None
    assert client.post(f"/v1/agents/{agent['id']}/archive").json() == archived
    for path, body in (("/v1/sessions", {}), ("/v1/tasks", {"prompt": "x"})):
        error = refused(client.post(path, json={**body, "agent": agent["id"]}))
        assert error["details"]["field"] == "agent"
        assert "archived" in error["message"]
    assert "archived" in refused(change(client, agent, name="Chief"))["message"]
    more = client.post("/v1/tasks", json={"prompt": "x", "session_id": session["id"]})
    assert more.status_code == 202


def test_sessions_are_listed_by_agent_and_version(client: TestClient) -> None:
    agent = create(client)
    first = start(client, agent["id"])["id"]
    change(client, agent, name="Chief")
    second = start(client, agent["id"])["id"]
    default = start(client, "agent_default")["id"]

    def listed(**query: Any) -> list[str]:
        return [session["id"] for session in client.get("/v1/sessions", params=query).json()["data"]]

    assert listed(agent_id=agent["id"]) == [second, first]
    assert listed(agent_id=agent["id"], agent_version=1) == [first]
    assert listed(agent_id="agent_default", agent_version=1) == [default]
    assert refused(client.get("/v1/sessions", params={"agent_version": 1}))["details"]["field"] == "agent_version"


def test_the_built_in_agent_is_shown_and_stays_as_it_is(client: TestClient) -> None:
    shown = client.get("/v1/agents/agent_default", params={"version": 1}).json()
    assert (shown["id"], shown["model"]["id"], shown["version"]) == ("agent_default", "claude-sonnet-5-5", 1)
    assert client.get("/v1/agents/agent_default/versions").json() == {"data": [shown], "next_page": None}
    refused(client.get("/v1/agents/agent_default", params={"version": 2}), 404)
    for path in ("/v1/agents/agent_default", "/v1/agents/agent_default/archive"):
        assert "built in" in refused(client.post(path, json={}))["message"]


def test_another_workspaces_agent_is_like_one_that_is_not_there(client: TestClient, module_database: Database) -> None:
    agent_id = create(client)["id"]
    secret = keys.new_secret()
    with module_database.write() as connection:
        keys.add(connection, "other", secret, "wrkspc_other")
    client.headers["x-api-key"] = secret
    path = f"/v1/agents/{agent_id}"
    for response in (client.get(path), client.post(path, json={}), client.post(f"{path}/archive")):
        assert refused(response, 404)["message"] == f"agent {agent_id} not found"
    assert refused(client.get(f"{path}/versions"), 404)["message"] == f"agent {agent_id} not found"
    error = refused(client.post("/v1/sessions", json={"agent": agent_id}))
    assert error["message"].startswith(f"agent: {agent_id} does not exist")
    assert client.get("/v1/agents").json()["data"] == []


def test_commands_as_servers_are_taken_only_where_that_is_switched_on(
    client: TestClient, module_database_url: str, redis_server: RedisServer
) -> None:
    body = {"name": "Clerk", "model": MODEL, "tools": [MCP], "mcp_servers": [STDIO]}
    error = refused(client.post("/v1/agents", json=body))
    assert error["details"]["field"] == "mcp_servers.0.type"
    assert "OVERNIGHT_ALLOW_MCP_COMMANDS" in error["message"]
    where = {"database_url": module_database_url, "redis_url": redis_server.url}
    settings = Settings(**where, api_key=KEY, allow_mcp_commands=True)
    with TestClient(create_app(settings), headers={"x-api-key": KEY}) as permissive:
        assert create(permissive, tools=[MCP], mcp_servers=[STDIO])["mcp_servers"] == [STDIO]
