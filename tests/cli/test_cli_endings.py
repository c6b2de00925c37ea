"""How sessions end and go on: `sessions archive`, `resume --from` and `extend`, and an agent's `expiry`."""

import json
from typing import Any

from tests.cli.support import Shell, until


def begun(client: Shell, *options: str) -> str:
    task = client.run("submit", "Say hello.", "--wait", "60", "--json", *options).expect(0).json
    assert task["status"] == "succeeded"
    return str(task["session_id"])


def shown(client: Shell, session_id: str) -> dict[str, Any]:
    return dict(client.run("sessions", "show", session_id, "--json").expect(0).json)


def test_archived_with_a_summary_and_gone_on_from_it(client: Shell) -> None:
    session_id = begun(client)
    told = client.run("sessions", "archive", session_id, "--summary").expect(0)
    assert f"{session_id} is archived once it is summarised" in told.err
    until(lambda: shown(client, session_id)["state"] == "archived", "it is summarised and archived", 60)
    again = client.run("sessions", "archive", session_id, "--summary").expect(0).err
    assert again.strip().endswith(f"{session_id} is archived")
    summary = shown(client, session_id)["summary"]
    assert summary
    assert summary.splitlines()[0] in client.run("sessions", "show", session_id).expect(0).out
    refused = client.run("sessions", "resume", session_id).expect(2)
    assert '"full"' in refused.err
    assert "from" in client.run("sessions", "resume", session_id, "--from", "half").expect(2).err
    assert f"{session_id} is idle" in client.run("sessions", "resume", session_id, "--from", "summary").expect(0).err
    assert begun(client, "--session", session_id) == session_id


def test_archived_at_once_and_gone_on_in_full(client: Shell) -> None:
    session_id = begun(client)
    ended = client.run("sessions", "archive", session_id, "--json").expect(0).json
    assert (ended["state"], ended["archive_reason"], ended["summary"]) == ("archived", "user", None)
    assert "summary" in client.run("sessions", "resume", session_id, "--from", "summary").expect(2).err
    went_on = client.run("sessions", "resume", session_id, "--from", "full", "--json").expect(0).json
    assert (went_on["state"], went_on["archived_at"]) == ("idle", None)


def test_its_end_is_put_off(client: Shell) -> None:
    agent = {"name": "brief", "model": "claude-sonnet-5-5", "expiry": {"idle_ttl": 3_600, "max_age": 0}}
    file = client.folder / "brief.json"
    file.write_text(json.dumps(agent))
    made = client.run("agents", "create", str(file), "--json").expect(0).json
    assert made["expiry"]["idle_ttl"] == 3_600
    session_id = begun(client, "--agent", made["id"])
    before = shown(client, session_id)["expires_at"]
    assert f"{session_id} expires at " in client.run("sessions", "extend", session_id).expect(0).err
    used = shown(client, session_id)
    assert used["expires_at"] > before
    assert used["kept_until"] is None
    kept = client.run("sessions", "extend", session_id, "--seconds", "86400", "--json").expect(0).json
    assert kept["expires_at"] == kept["kept_until"] > used["expires_at"]
    assert "seconds" in client.run("sessions", "extend", session_id, "--seconds", "0").expect(2).err
