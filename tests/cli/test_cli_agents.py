"""`agents` against a stack that runs: made from a file, shown, listed, and worked with."""

import json

from tests.cli.support import Shell

SEARCH = {"type": "web_search_20260318", "name": "web_search"}
CLERK = {"name": "Clerk", "model": "claude-haiku-4-5", "system": "Be brief.", "limits": {"max_steps": 7}}


def test_from_a_file_to_a_task(client: Shell) -> None:
    (client.folder / "clerk.json").write_text(json.dumps({**CLERK, "tools": [SEARCH]}))
    agent_id = client.run("agents", "create", "clerk.json").expect(0).out.strip()
    shown = client.run("agents", "show", agent_id).expect(0).out
    for words in (agent_id, "Clerk", "claude-haiku-4-5", "Be brief.", "web_search (web_search_20260318)", "7"):
        assert words in shown
    assert client.run("agents", "show", agent_id, "--json").json["tools"] == [SEARCH]
    assert agent_id in client.run("agents").expect(0).out
    task = client.run("submit", "Say hello.", "--agent", agent_id, "--wait", "60", "--json").expect(0).json
    session = client.run("sessions", "show", task["session_id"], "--json").json
    assert (session["agent"]["id"], session["model"]) == (agent_id, "claude-haiku-4-5")
    done = client.run("run", "Say hello.", "--agent", agent_id, "--json").expect(0).json
    assert client.run("sessions", "show", done["session_id"], "--json").json["agent"]["id"] == agent_id


def test_from_standard_input_as_json(client: Shell) -> None:
    made = client.run("agents", "create", "-", "--json", stdin=json.dumps(CLERK)).expect(0).json
    assert (made["version"], made["limits"]["max_steps"]) == (1, 7)
    listed = client.run("agents", "--json").expect(0).json["data"]
    assert made in listed
    assert client.run("agents", "show", made["id"], "--version", "1", "--json").json == made
    assert "has no version 2" in client.run("agents", "show", made["id"], "--version", "2").expect(2).err


def test_what_the_server_refuses_is_said_in_its_words(client: Shell) -> None:
    wrong = json.dumps({**CLERK, "skills": []})
    assert "skills: is not supported yet" in client.run("agents", "create", "-", stdin=wrong).expect(2).err
    assert "agent_0 does not exist" in client.run("submit", "x", "--agent", "agent_0").expect(2).err
    assert "no id" in client.run("agents", "show", "../keys").expect(2).err


def test_the_built_in_agent_is_shown(client: Shell) -> None:
    assert "agent_default" in client.run("agents", "show", "agent_default").expect(0).out
