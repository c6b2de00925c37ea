"""What is changed of a session that goes on, by the official SDK; and budgets as it knows them."""

from typing import Any

import anthropic
import pytest
from anthropic import Anthropic
from starlette.testclient import TestClient

from overnight import money
from overnight.store.database import Database
from tests.api.support import Worker

MESSAGE: Any = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}
TOOL: Any = {"type": "custom", "name": "look", "description": "Looks.", "input_schema": {"type": "object"}}
DEFAULT = {"agent": "agent_default", "environment_id": "env_default"}


@pytest.fixture
def sdk(client: TestClient, key: str) -> Anthropic:
    return Anthropic(api_key=key, base_url="http://testserver", http_client=client, max_retries=0)


def dollars(cents: int) -> Any:
    return {"type": "limit", "max_list_cost": {"amount": str(cents), "currency": "USD"}}


def updates(sdk: Anthropic, session_id: str) -> list[dict[str, Any]]:
    """What the record tells of them, without id and time."""
    found = sdk.beta.sessions.events.list(session_id, types=["session.updated"])
    return [event.to_dict(exclude_unset=True) for event in found]


def test_title_and_metadata(sdk: Anthropic) -> None:
    session = sdk.beta.sessions.create(**DEFAULT, title="Old", metadata={"a": "1", "b": "2"})
    changed = sdk.beta.sessions.update(session.id, title="New", metadata={"a": None, "c": "3"})
    assert (changed.title, changed.metadata) == ("New", {"b": "2", "c": "3"})
    assert changed.updated_at > session.updated_at
    assert sdk.beta.sessions.retrieve(session.id) == changed
    sdk.beta.sessions.update(session.id, title="New")
    assert sdk.beta.sessions.update(session.id, title=None).title is None
    told = updates(sdk, session.id)
    assert [{k: v for k, v in one.items() if k not in {"id", "processed_at", "type"}} for one in told] == [
        {"title": "New", "metadata": {"b": "2", "c": "3"}},
        {"title": None},
    ]


def test_tools_are_replaced_while_the_session_is_idle(sdk: Anthropic, worker: Worker) -> None:
    session = sdk.beta.sessions.create(**DEFAULT)
    changed = sdk.beta.sessions.update(session.id, agent={"tools": [TOOL]})
    assert [tool.name for tool in changed.agent.tools if tool.type == "custom"] == ["look"]
    (told,) = updates(sdk, session.id)
    assert [tool["name"] for tool in told["agent"]["tools"]] == ["look"]
    sdk.beta.sessions.events.send(session.id, events=[MESSAGE])
    with pytest.raises(anthropic.BadRequestError, match="agent: the session is running; interrupt it"):
        sdk.beta.sessions.update(session.id, agent={"tools": []})
    worker.answer(session.id)
    assert sdk.beta.sessions.update(session.id, agent={"tools": []}).agent.tools == []


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        ({"agent": {"tools": [TOOL, TOOL]}}, "agent.tools.1.name: there is another tool 'look'"),
        ({"agent": {"model": "m"}}, "agent.model"),
        ({"vault_ids": []}, "vault_ids: is not supported yet"),
        ({"budget": dollars(100)}, "budget: the session has none, and one is set only when a session is created"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata: the session would have 17 pairs, of 16 at most"),
    ],
)
def test_what_cannot_be_changed_is_named(sdk: Anthropic, sent: dict[str, Any], complaint: str) -> None:
    session = sdk.beta.sessions.create(**DEFAULT)
    with pytest.raises(anthropic.BadRequestError) as refused:
        sdk.beta.sessions.update(session.id, **sent)
    assert complaint in refused.value.message
    assert updates(sdk, session.id) == []


def test_sessions_that_are_over_or_foreign(sdk: Anthropic) -> None:
    session = sdk.beta.sessions.create(**DEFAULT)
    sdk.beta.sessions.archive(session.id)
    with pytest.raises(anthropic.BadRequestError, match="is archived"):
        sdk.beta.sessions.update(session.id, title="x")
    with pytest.raises(anthropic.NotFoundError):
        sdk.beta.sessions.update("sesn_1", title="x")


def test_a_budget_is_set_at_the_start_then_raised_or_removed(
    sdk: Anthropic, worker: Worker, module_database: Database
) -> None:
    session = sdk.beta.sessions.create(**DEFAULT, budget=dollars(250), initial_events=[MESSAGE])
    assert session.budget is not None
    assert session.budget.to_dict() == dollars(250)
    worker.answer(session.id)
    with module_database.write() as connection:
        connection.exec_driver_sql(f"UPDATE sessions SET cost_nanousd = {3 * money.CENT} WHERE id = '{session.id}'")
    with pytest.raises(anthropic.BadRequestError, match=r"the session has cost 3\.00 cents; give more") as low:
        sdk.beta.sessions.update(session.id, budget=dollars(3))
    assert isinstance(low.value.body, dict)
    assert low.value.body["error"]["details"]["reason"] == "budget_not_raised"
    raised = sdk.beta.sessions.update(session.id, budget=dollars(4)).budget
    assert raised is not None
    assert raised.max_list_cost.amount == "4"
    assert sdk.beta.sessions.update(session.id, budget=None).budget is None
    with pytest.raises(anthropic.BadRequestError, match="budget: the session has none"):
        sdk.beta.sessions.update(session.id, budget=dollars(500))
    assert [one["budget"] for one in updates(sdk, session.id)] == [dollars(4), None]


def test_a_model_without_a_price_takes_no_budget(sdk: Anthropic) -> None:
    agent: Any = {"type": "agent_with_overrides", "id": "agent_default", "model": "some-model"}
    with pytest.raises(anthropic.BadRequestError, match="budget: some-model has no listed price"):
        sdk.beta.sessions.create(agent=agent, environment_id="env_default", budget=dollars(1))


@pytest.mark.parametrize("amount", ["0", "-1", "1.5", "", "1e3", 100, "9999999999"])
def test_amounts(client: TestClient, amount: Any) -> None:
    budget = {"type": "limit", "max_list_cost": {"amount": amount, "currency": "USD"}}
    answer = client.post("/v1/sessions", json={"budget": budget})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["field"] == "budget.max_list_cost.amount"


def test_what_was_used_is_told_when_a_session_comes_to_rest(sdk: Anthropic, worker: Worker) -> None:
    session = sdk.beta.sessions.create(**DEFAULT, budget=dollars(250), initial_events=[MESSAGE])
    worker.answer(session.id)
    *_, usage, idle = sdk.beta.sessions.events.list(session.id)
    assert (usage.type, idle.type) == ("session.usage", "session.status_idle")
    assert usage.type == "session.usage"
    assert usage.usage.to_dict() == {
        "input_tokens": 1_000,
        "output_tokens": 200,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "list_cost": {"amount": "0", "currency": "USD"},
    }
    assert usage.budget is not None
    assert usage.budget.to_dict() == dollars(250)
