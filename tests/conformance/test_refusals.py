"""What docs/managed-agents.md calls unsupported is refused by name; each of its lines is tried."""

from typing import Any

import anthropic
import pytest

from tests.conformance import ours
from tests.conformance.scenes import MODEL, Scenes, says
from tests.process.cluster import Cluster

AGENT = {"name": "Clerk", "model": MODEL}
SESSION = {"agent": "agent_default", "environment_id": "env_default"}
TOOLSET = {"type": "agent_toolset_20260401"}
HELLO = {"type": "user.message", "content": [{"type": "text", "text": "Hello."}]}
OUTCOME = {"type": "user.define_outcome", "description": "D", "rubric": {"type": "text", "content": "C"}}
INTERRUPT = {"type": "user.interrupt", "session_thread_id": "sthr_1"}
SYSTEM = {"type": "system.message", "content": [{"type": "text", "text": "Be brief."}]}
OVERRIDES = {"type": "agent_with_overrides", "id": "agent_default", "skills": []}

#: Where, and what docs/managed-agents.md names → address, what is sent, and what the message must name.
REFUSED: dict[tuple[str, str], list[tuple[str, dict[str, Any], str]]] = {
    ("agents", "skills"): [("/v1/agents", {**AGENT, "skills": []}, "skills")],
    ("agents", "multiagent"): [("/v1/agents", {**AGENT, "multiagent": None}, "multiagent")],
    ("agents", "execution_identity"): [
        ("/v1/agents", {**AGENT, "execution_identity": {"type": "service_account"}}, "execution_identity")
    ],
    **{
        ("agents", f"model.{name}"): [
            ("/v1/agents", {**AGENT, "model": {"id": MODEL, name: "x"}}, f"model.{name}"),
        ]
        for name in ("effort", "speed", "inference_geo")
    },
    ("agents", "permission_policy"): [
        (
            "/v1/agents",
            {**AGENT, "tools": [{**TOOLSET, "default_config": {"permission_policy": {"type": "auto"}}}]},
            "permission_policy",
        )
    ],
    ("agents", "web_search"): [
        ("/v1/agents", {**AGENT, "tools": [{**TOOLSET, "configs": [{"name": name}]}]}, "configs.0.name")
        for name in ("web_search", "web_fetch")
    ],
    ("environments", "config"): [("/v1/environments", {"name": "E", "config": {"type": "cloud"}}, "config")],
    ("environments", "scope"): [("/v1/environments", {"name": "E", "scope": "account"}, "scope")],
    ("sessions", "resources"): [("/v1/sessions", {**SESSION, "resources": []}, "resources")],
    ("sessions", "vault_ids"): [
        ("/v1/sessions", {**SESSION, "vault_ids": []}, "vault_ids"),
        ("/v1/sessions/SESSION", {"vault_ids": ["vlt_1"]}, "vault_ids"),
    ],
    ("sessions", "agent.skills"): [("/v1/sessions", {**SESSION, "agent": OVERRIDES}, "agent.skills")],
    ("session lists", "deployment_id"): [("/v1/sessions?deployment_id=depl_1", {}, "deployment_id")],
    ("session lists", "memory_store_id"): [("/v1/sessions?memory_store_id=memstore_1", {}, "memory_store_id")],
    ("events", "user.define_outcome"): [
        ("/v1/sessions/SESSION/events", {"events": [OUTCOME]}, "user.define_outcome"),
        ("/v1/sessions", {**SESSION, "initial_events": [OUTCOME]}, "user.define_outcome"),
    ],
    ("events", "system.message"): [
        ("/v1/sessions/SESSION/events", {"events": [{"type": "user.interrupt"}, SYSTEM]}, "system.message"),
        ("/v1/sessions", {**SESSION, "initial_events": [HELLO, SYSTEM]}, "initial_events.1.type"),
    ],
    ("events", "session_thread_id"): [("/v1/sessions/SESSION/events", {"events": [INTERRUPT]}, "session_thread_id")],
}
#: Its addresses that are not supported, of which one of each family is tried.
FAMILIES = [name for row in ours.rows("Endpoints") if row[1] == "not supported" for name in ours.names(row[0])]


@pytest.fixture(scope="session")
def session_id(scenes: Scenes) -> str:
    return scenes.begin().id


def test_the_document_lists_what_is_tried_here() -> None:
    listed = set()
    for where, what, _ in ours.rows("Not supported"):
        first, *more = ours.names(what)
        listed |= {(where, first), *((where, name) for name in more if "." in name or "_id" in name)}
    assert listed == set(REFUSED)


@pytest.mark.parametrize(("where", "what"), REFUSED)
def test_it_is_refused_by_name(overnight: Cluster, session_id: str, where: str, what: str) -> None:
    for address, sent, named in REFUSED[where, what]:
        method = "GET" if "?" in address else "POST"
        body = {} if method == "GET" else {"json": sent}
        answer = overnight.api(method, address.replace("SESSION", session_id), **body)
        error = answer.json()["error"]
        assert (answer.status_code, error["type"]) == (400, "invalid_request_error"), address
        assert named in error["message"]


@pytest.mark.parametrize("address", FAMILIES)
def test_what_is_no_endpoint_here_says_so(overnight: Cluster, session_id: str, address: str) -> None:
    address = address.replace("{id}", session_id)
    for method, path in (("GET", address), ("POST", address), ("GET", f"{address}/x"), ("POST", f"{address}/x/y")):
        answer = overnight.api(method, path, **({"json": {}} if method == "POST" else {}))
        error = answer.json()["error"]
        assert (answer.status_code, error["type"]) == (400, "invalid_request_error"), path
        assert address.rsplit("/", 1)[1] in error["message"]
        assert "not supported" in error["message"]


def test_the_sdk_names_it(scenes: Scenes) -> None:
    with pytest.raises(anthropic.BadRequestError, match="vaults"):
        scenes.beta.vaults.create(display_name="V")
    session = scenes.begin(says("Hello."))
    with pytest.raises(anthropic.BadRequestError, match="threads"):
        scenes.beta.sessions.threads.list(session.id)
