"""Environments over HTTP, with the official SDK where it can say it."""

from typing import Any

import anthropic
import pytest
from anthropic import Anthropic
from anthropic.types.beta import BetaEnvironmentArchivedError
from starlette.testclient import TestClient

SELF_HOSTED: Any = {"type": "self_hosted"}


@pytest.fixture
def sdk(client: TestClient, key: str) -> Anthropic:
    return Anthropic(api_key=key, base_url="http://testserver", http_client=client, max_retries=0)


def test_the_life_of_an_environment(sdk: Anthropic) -> None:
    made = sdk.beta.environments.create(
        name="laptop", config=SELF_HOSTED, description="Mine.", metadata={"team": "a", "old": "b"}, scope="organization"
    )
    made.model_validate(made.model_dump())  # strictly: each field that its type wants is there
    assert made.id.startswith("env_")
    assert (made.type, made.name, made.config.type, made.description) == (
        "environment",
        "laptop",
        "self_hosted",
        "Mine.",
    )
    assert (made.metadata, made.scope, made.archived_at) == ({"team": "a", "old": "b"}, "organization", None)
    assert made.created_at.endswith("Z")
    assert sdk.beta.environments.retrieve(made.id) == made
    changed = sdk.beta.environments.update(made.id, name="desk", metadata={"old": None, "team": "", "new": "c"})
    assert (changed.name, changed.description, changed.metadata) == ("desk", "Mine.", {"new": "c"})
    assert changed.updated_at > made.updated_at
    assert sdk.beta.environments.update(made.id, description="").description == ""
    assert sdk.beta.environments.update(made.id, description=None, config=SELF_HOSTED).description is None
    assert sdk.beta.environments.archive(made.id).archived_at is not None
    with pytest.raises(BetaEnvironmentArchivedError) as refused:
        sdk.beta.environments.update(made.id, name="x")
    assert refused.value.details.error_code == "environment_archived"
    assert list(sdk.beta.environments.list()) == []
    assert [each.id for each in sdk.beta.environments.list(include_archived=True)] == [made.id]
    gone = sdk.beta.environments.delete(made.id)
    assert (gone.id, gone.type) == (made.id, "environment_deleted")
    with pytest.raises(anthropic.NotFoundError):
        sdk.beta.environments.retrieve(made.id)


def test_lists_page_by_themselves(sdk: Anthropic) -> None:
    made = [sdk.beta.environments.create(name=f"e{place}").id for place in range(5)]
    assert [each.id for each in sdk.beta.environments.list(limit=2)] == made[::-1]


def test_the_built_in_one_is_there_and_stays_as_it_is(sdk: Anthropic) -> None:
    default = sdk.beta.environments.retrieve("env_default")
    default.model_validate(default.model_dump())
    assert (default.name, default.config.type) == ("default", "self_hosted")
    assert list(sdk.beta.environments.list()) == []
    for verb in (sdk.beta.environments.archive, sdk.beta.environments.delete, sdk.beta.environments.update):
        with pytest.raises(anthropic.BadRequestError, match="env_default is built in and cannot"):
            verb("env_default")
    with pytest.raises(anthropic.BadRequestError, match="Overnight's workers"):
        sdk.beta.environments.work.poll("env_default")


def test_a_session_is_in_its_environment(sdk: Anthropic, client: TestClient) -> None:
    environment = sdk.beta.environments.create(name="laptop")
    session = sdk.beta.sessions.create(agent="agent_default", environment_id=environment.id)
    assert sdk.beta.sessions.retrieve(session.id).environment_id == environment.id
    task = client.post("/v1/tasks", json={"prompt": "x", "environment_id": environment.id}).json()
    assert sdk.beta.sessions.retrieve(task["session_id"]).environment_id == environment.id
    default = client.post("/v1/tasks", json={"prompt": "x"}).json()
    assert sdk.beta.sessions.retrieve(default["session_id"]).environment_id == "env_default"
    with pytest.raises(anthropic.BadRequestError, match="has sessions and cannot be deleted; archive it"):
        sdk.beta.environments.delete(environment.id)
    sdk.beta.environments.archive(environment.id)
    with pytest.raises(anthropic.BadRequestError, match=r"environment_id: environment .* is archived"):
        sdk.beta.sessions.create(agent="agent_default", environment_id=environment.id)


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({}, "name", "is required"),
        ({"name": ""}, "name", "at least 1"),
        ({"name": "x", "config": {"type": "cloud"}}, "config.type", "'cloud' are not supported; use 'self_hosted'"),
        ({"name": "x", "config": {"type": "moon"}}, "config.type", "self_hosted"),
        ({"name": "x", "config": {}}, "config.type", "is required"),
        ({"name": "x", "config": {**SELF_HOSTED, "networking": {}}}, "config.networking", "not supported"),
        ({"name": "x", "config": {**SELF_HOSTED, "packages": {}}}, "config.packages", "not supported"),
        ({"name": "x", "scope": "account"}, "scope", "'account' is not supported"),
        ({"name": "x", "metadata": {"a": None}}, "metadata.a", "string"),
        ({"name": "x", "colour": "red"}, "colour", "not a known field"),
    ],
)
def test_what_is_wrong_or_not_supported_is_named(client: TestClient, body: Any, field: str, said: str) -> None:
    answer = client.post("/v1/environments", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["details"]["field"]) == (400, "invalid_request_error", field)
    assert said in error["message"]


def test_a_session_of_no_environment_is_refused(client: TestClient) -> None:
    for path, body in (("/v1/sessions", {"agent": "agent_default"}), ("/v1/tasks", {"prompt": "x"})):
        error = client.post(path, json={**body, "environment_id": "env_1"}).json()["error"]
        assert error["message"].startswith("environment_id: there is no environment env_1")
    with_both = {"prompt": "x", "session_id": "sesn_1", "environment_id": "env_default"}
    assert client.post("/v1/tasks", json=with_both).json()["error"]["details"]["field"] == "environment_id"


def test_a_change_may_not_make_too_many_labels(client: TestClient) -> None:
    made = client.post("/v1/environments", json={"name": "x", "metadata": {f"k{n}": "v" for n in range(16)}}).json()
    answer = client.post(f"/v1/environments/{made['id']}", json={"metadata": {"one_more": "v"}})
    assert "the environment would have 17 pairs" in answer.json()["error"]["message"]
    assert client.post(f"/v1/environments/{made['id']}", json={"config": {"type": "cloud"}}).status_code == 400
