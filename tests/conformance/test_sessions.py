"""Sessions: every field of every answer, pages, orders and filters."""

from typing import Any

import pytest
from anthropic import BadRequestError, NotFoundError
from anthropic.types.beta import BetaManagedAgentsDeletedSession, BetaManagedAgentsSession

from tests.conformance.scenes import FILES, LOOK_UP, MODEL, Scenes, conforms, of_type, pages, raw, says, types
from tests.process.cluster import until


def test_a_session_with_everything(scenes: Scenes) -> None:
    agent = scenes.agent(LOOK_UP, system="S")
    budget: Any = {"type": "limit", "max_list_cost": {"amount": "500", "currency": "USD"}}
    made = raw(
        scenes.beta.sessions.with_raw_response.create(
            agent={"type": "agent", "id": agent, "version": 1},
            environment_id="env_default",
            title="T",
            metadata={"k": "v"},
            budget=budget,
            initial_events=[says("Hello.")],
        )
    )
    conforms(BetaManagedAgentsSession, made)
    assert (made["title"], made["metadata"], made["budget"]) == ("T", {"k": "v"}, budget)
    assert (made["status"], made["environment_id"], made["archived_at"]) == ("running", "env_default", None)
    shown = made["agent"]
    assert (shown["id"], shown["version"], shown["name"], shown["model"]) == (agent, 1, "Clerk", {"id": MODEL})
    assert (shown["system"], shown["tools"]) == ("S", [LOOK_UP])
    scenes.idle(made["id"], "end_turn")
    rested = raw(scenes.beta.sessions.with_raw_response.retrieve(made["id"]))
    conforms(BetaManagedAgentsSession, rested)
    assert rested["status"] == "idle"
    assert rested["usage"]["output_tokens"] > 0
    assert rested["usage"]["list_cost"]["currency"] == "USD"
    assert set(rested) == set(made), "no field comes or goes"


def test_a_session_without_anything(scenes: Scenes) -> None:
    made = raw(scenes.beta.sessions.with_raw_response.create(agent="agent_default", environment_id="env_default"))
    conforms(BetaManagedAgentsSession, made)
    assert (made["status"], made["title"], made["metadata"], made["budget"]) == ("idle", None, {}, None)


def test_an_agent_with_overrides(scenes: Scenes) -> None:
    agent = scenes.agent(LOOK_UP, system="S")
    overridden: Any = {"type": "agent_with_overrides", "id": agent, "model": "other", "system": "O", "tools": [FILES]}
    shown = raw(scenes.beta.sessions.with_raw_response.create(agent=overridden, environment_id="env_default"))
    conforms(BetaManagedAgentsSession, shown)
    assert (shown["agent"]["model"], shown["agent"]["system"]) == ({"id": "other"}, "O")
    assert [tool["type"] for tool in shown["agent"]["tools"]] == ["agent_toolset_20260401"]


def test_changes_are_told(scenes: Scenes) -> None:
    session = scenes.begin(title="T", metadata={"k": "v", "l": "w"})
    changed = raw(scenes.beta.sessions.with_raw_response.update(session.id, title="U", metadata={"k": None, "m": "x"}))
    conforms(BetaManagedAgentsSession, changed)
    assert (changed["title"], changed["metadata"]) == ("U", {"l": "w", "m": "x"})
    (told,) = of_type(scenes.record(session.id), "session.updated")
    assert (told["title"], told["metadata"]) == ("U", {"l": "w", "m": "x"})
    with pytest.raises(BadRequestError, match="budget"):
        scenes.beta.sessions.update(
            session.id, budget={"type": "limit", "max_list_cost": {"amount": "1", "currency": "USD"}}
        )


def test_lists_in_both_orders_with_every_filter(scenes: Scenes) -> None:
    agent = scenes.agent()
    made = [scenes.begin(agent=agent) for _ in range(5)]
    ids = [session.id for session in made]
    sessions = scenes.beta.sessions

    def listed(**query: Any) -> list[str]:
        return [each["id"] for each in pages(sessions.with_raw_response.list, agent_id=agent, limit=2, **query)]

    assert listed() == listed(order="desc") == ids[::-1]
    assert listed(order="asc") == ids
    assert listed(agent_version=1) == ids[::-1]
    assert listed(agent_version=2) == []
    assert listed(statuses=["idle"]) == ids[::-1]
    assert listed(statuses=["running", "rescheduling", "terminated"]) == []
    middle = made[2].created_at
    assert set(listed(created_at_gte=middle)) == {each.id for each in made if each.created_at >= middle}
    assert set(listed(created_at_gt=middle)) == {each.id for each in made if each.created_at > middle}
    assert set(listed(created_at_lte=middle)) == {each.id for each in made if each.created_at <= middle}
    assert set(listed(created_at_lt=middle)) == {each.id for each in made if each.created_at < middle}
    sessions.archive(ids[0])
    assert listed() == ids[:0:-1]
    assert listed(include_archived=True) == ids[::-1]
    assert listed(statuses=["terminated"]) == ids[:1]
    assert [each.id for each in sessions.list(agent_id=agent, limit=2, order="asc")] == ids[1:]
    for each in pages(sessions.with_raw_response.list, agent_id=agent):
        conforms(BetaManagedAgentsSession, each)


def test_a_page_leads_on_and_back(scenes: Scenes) -> None:
    agent = scenes.agent()
    ids = [scenes.begin(agent=agent).id for _ in range(5)][::-1]

    def page(**query: Any) -> dict[str, Any]:
        found: dict[str, Any] = raw(
            scenes.beta.sessions.with_raw_response.list(agent_id=agent, limit=2, **query)  # type: ignore[arg-type]
        )
        assert set(found) == {"data", "next_page", "prev_page"}
        return found

    first = page()
    assert first["prev_page"] is None
    second = page(page=first["next_page"])
    third = page(page=second["next_page"])
    assert [[each["id"] for each in one["data"]] for one in (first, second, third)] == [ids[:2], ids[2:4], ids[4:]]
    assert third["next_page"] is None
    back = page(page=third["prev_page"])
    assert [each["id"] for each in back["data"]] == ids[2:4]
    assert [each["id"] for each in page(page=back["prev_page"])["data"]] == ids[:2]


def test_archived_and_deleted(scenes: Scenes) -> None:
    session = scenes.begin(says("Hello."))
    scenes.idle(session.id, "end_turn")
    archived = raw(scenes.beta.sessions.with_raw_response.archive(session.id))
    conforms(BetaManagedAgentsSession, archived)
    assert archived["status"] == "terminated"
    assert archived["archived_at"] is not None
    assert types(scenes.record(session.id))[-1] == "session.status_terminated"
    with pytest.raises(BadRequestError):
        scenes.send(session.id, says("More."))
    deleted = raw(scenes.beta.sessions.with_raw_response.delete(session.id))
    conforms(BetaManagedAgentsDeletedSession, deleted)
    assert deleted == {"id": session.id, "type": "session_deleted"}
    with pytest.raises(NotFoundError):
        scenes.beta.sessions.retrieve(session.id)
    with pytest.raises(NotFoundError):
        scenes.beta.sessions.events.list(session.id)


def test_a_running_session_can_be_deleted(scenes: Scenes) -> None:
    session = scenes.begin(says("[[sim hang]] Hello."))
    until(lambda: of_type(scenes.record(session.id), "span.model_request_start"), "the request")
    assert scenes.beta.sessions.retrieve(session.id).status == "running"
    assert scenes.beta.sessions.delete(session.id).type == "session_deleted"
    assert session.id not in {each.id for each in scenes.beta.sessions.list(include_archived=True)}
