"""Agents and their versions: what is written stays, changes are counted, and nobody sees another workspace's."""

from typing import Any

import pytest

from overnight.agents import built_in, resolve
from overnight.errors import Conflict, InvalidRequest, NotFound
from overnight.models import DEFAULT_WORKSPACE
from overnight.settings import Settings
from overnight.store import agent_pages, agents
from overnight.store.agents import Amend, Definition, Found
from overnight.store.database import Database
from tests.store.scenes import at_once, meanwhile, new_session, session

SEARCH = {"type": "web_search_20260318", "name": "web_search", "max_uses": 3}
ELSEWHERE = "wrkspc_elsewhere"


def definition(**changes: Any) -> Definition:
    said = {"name": "Clerk", "model": "claude-sonnet-5-5", "max_steps": 10, "max_tokens": 1_000, "max_retry_age": 60.5}
    return Definition(**{**said, "history": {"type": "compact"}, **changes})


def create(database: Database, workspace: str = DEFAULT_WORKSPACE, **changes: Any) -> Found:
    with database.write() as connection:
        return agents.create(connection, workspace, definition(**changes))


def change(database: Database, agent_id: str, expected: int | None = None, **changes: Any) -> Found:
    with database.write() as connection:
        return agents.change(connection, DEFAULT_WORKSPACE, agent_id, saying(**changes), expected=expected)


def saying(**changes: Any) -> Amend:
    return lambda before: changes


def find(database: Database, agent_id: str, number: int | None = None, workspace: str = DEFAULT_WORKSPACE) -> Found:
    with database.read() as connection:
        return agents.find(connection, workspace, agent_id, number)


def archive(database: Database, agent_id: str) -> Found:
    with database.write() as connection:
        return agents.archive(connection, DEFAULT_WORKSPACE, agent_id)


def test_an_agent_is_read_back_as_it_was_written(database: Database) -> None:
    said = {
        "description": "Files things.",
        "system": "Be brief.😀",
        "tools": [SEARCH],
        "mcp_servers": [{"type": "url", "name": "s", "url": "https://example.com"}],
        "labels": {"team": "a"},
        "history": {"type": "window"},
    }
    made = create(database, **said)
    assert (made.agent.version, made.version.version, made.agent.name) == (1, 1, "Clerk")
    assert {name: getattr(made.version, name) for name in said} == said
    assert (made.version.max_steps, made.version.max_tokens, made.version.max_retry_age) == (10, 1_000, 60.5)
    assert made.agent.created_at == made.agent.updated_at == made.version.created_at
    assert find(database, made.agent.id) == made


def test_a_change_makes_a_version_and_leaves_the_earlier_ones(database: Database) -> None:
    made = create(database)
    changed = change(database, made.agent.id, name="Chief", tools=[SEARCH])
    assert (changed.agent.version, changed.agent.name, changed.version.tools) == (2, "Chief", [SEARCH])
    assert changed.agent.updated_at > made.agent.updated_at
    assert find(database, made.agent.id, 1).version == made.version
    assert find(database, made.agent.id).version == changed.version


def test_a_change_that_changes_nothing_makes_none(database: Database) -> None:
    made = create(database, tools=[SEARCH])
    assert change(database, made.agent.id, name="Clerk", tools=[SEARCH]) == made


def test_whoever_has_seen_another_version_is_told(database: Database) -> None:
    agent_id = create(database).agent.id
    change(database, agent_id, expected=1, name="Chief")
    with pytest.raises(Conflict, match="at version 2, not 1") as caught:
        change(database, agent_id, expected=1, name="Cook")
    assert caught.value.details["current_version"] == 2
    assert find(database, agent_id).version.name == "Chief"


def test_of_two_that_have_seen_the_same_one_changes_it(database: Database) -> None:
    agent_id = create(database).agent.id
    with pytest.raises(Conflict):
        meanwhile(
            database,
            lambda first: agents.change(first, DEFAULT_WORKSPACE, agent_id, saying(name="One"), expected=1),
            lambda second: agents.change(second, DEFAULT_WORKSPACE, agent_id, saying(name="Two"), expected=1),
        )
    assert find(database, agent_id).version.name == "One"


def test_many_changes_at_once_are_counted_without_a_gap(database: Database) -> None:
    agent_id = create(database).agent.id
    made = at_once(8, lambda place: change(database, agent_id, name=f"Clerk {place}").version.version)
    assert sorted(made) == list(range(2, 10))
    assert find(database, agent_id).agent.version == 9


def test_what_is_refused_leaves_no_trace(database: Database) -> None:
    def refuse(before: Definition) -> dict[str, Any]:
        raise InvalidRequest("no")

    made = create(database)
    with pytest.raises(InvalidRequest), database.write() as connection:
        agents.change(connection, DEFAULT_WORKSPACE, made.agent.id, refuse)
    assert find(database, made.agent.id) == made


def test_an_archived_agent_is_read_and_no_longer_changed(database: Database) -> None:
    agent_id = create(database).agent.id
    archived = archive(database, agent_id)
    assert archived.agent.archived_at is not None
    assert archive(database, agent_id) == archived
    with pytest.raises(InvalidRequest, match="archived"):
        change(database, agent_id, name="Chief")
    assert find(database, agent_id) == archived


def test_another_workspaces_agent_is_like_one_that_is_not_there(database: Database) -> None:
    foreign = create(database, ELSEWHERE).agent.id
    for agent_id in (foreign, "agent_0"):
        told = f"agent {agent_id} not found"
        with pytest.raises(NotFound, match=told):
            find(database, agent_id)
        with pytest.raises(NotFound, match=told):
            change(database, agent_id, name="Mine")
        with pytest.raises(NotFound, match=told):
            archive(database, agent_id)
        with pytest.raises(NotFound, match=told), database.read() as connection:
            agent_pages.version_page(connection, DEFAULT_WORKSPACE, agent_id, limit=5)
    assert find(database, foreign, workspace=ELSEWHERE).agent.archived_at is None


def test_a_version_that_is_not_there(database: Database) -> None:
    agent_id = create(database).agent.id
    with pytest.raises(NotFound, match=f"{agent_id} has no version 2"):
        find(database, agent_id, 2)


def test_pages_of_agents_and_versions(database: Database) -> None:
    made = [create(database, name=f"Clerk {place}").agent for place in range(3)]
    create(database, ELSEWHERE)
    change(database, made[0].id, name="Chief")
    archive(database, made[2].id)
    with database.read() as connection:
        shown = agent_pages.page(connection, DEFAULT_WORKSPACE, limit=9)
        after = agent_pages.page(connection, DEFAULT_WORKSPACE, limit=9, cursor=(made[1].created_at, made[1].id))
        ended = agent_pages.page(connection, DEFAULT_WORKSPACE, limit=1, include_archived=True)
        late = agent_pages.page(connection, DEFAULT_WORKSPACE, limit=9, since=made[1].created_at)
        early = agent_pages.page(connection, DEFAULT_WORKSPACE, limit=9, until=made[0].created_at)
        newest = agent_pages.version_page(connection, DEFAULT_WORKSPACE, made[0].id, limit=1)
        older = agent_pages.version_page(connection, DEFAULT_WORKSPACE, made[0].id, limit=9, cursor=2)
    assert [found.version.name for found in shown] == ["Clerk 1", "Chief"]
    assert [found.version.name for found in after] == ["Chief"]
    assert [found.agent.id for found in ended] == [made[2].id]
    assert [found.agent.id for found in late] == [made[1].id]
    assert [found.agent.id for found in early] == [made[0].id]
    assert [found.version.name for found in newest] == ["Chief"]
    assert [found.version.name for found in older] == ["Clerk 0"]


def test_a_worker_finds_the_version_that_its_session_names(database: Database) -> None:
    agent_id = create(database, tools=[SEARCH]).agent.id
    change(database, agent_id, tools=[])
    default = built_in(Settings(_env_file=None))
    named = session(database, new_session(database, agent_id=agent_id, agent_version=1, overrides={"tools": []}))
    unnamed = session(database, new_session(database))
    with database.read() as connection:
        version = agents.version(connection, named.agent_id, named.agent_version, default)
        assert agents.version(connection, unnamed.agent_id, unnamed.agent_version, default) is default
        with pytest.raises(NotFound):
            agents.version(connection, agent_id, 3, default)
    assert resolve(version).tools == [SEARCH]
    assert resolve(version, named.overrides).tools == []
    assert resolve(version, {"model": "m", "system": None}).model == "m"
    assert (resolve(version).max_steps, resolve(version).max_retry_age) == (10, 60.5)
