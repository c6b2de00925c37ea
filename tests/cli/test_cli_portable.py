"""`export`, `import` and `users` against a stack that runs; what is erased is gone, with its files."""

import json

from tests.cli.support import Shell, until


def test_a_session_goes_out_to_a_file_and_in_again(client: Shell) -> None:
    done = client.run("submit", "Say hello.", "--wait", "60", "--json").expect(0).json
    file = client.folder / "hello.json"
    told = client.run("export", done["session_id"], "-o", str(file)).expect(0)
    assert f"{file.stat().st_size:,} bytes" in told.err
    assert file.stat().st_mode & 0o077 == 0
    made = client.run("import", str(file), "--json").expect(0).json
    assert made["id"] != done["session_id"]
    said = client.run("sessions", "messages", made["id"], "--json").expect(0).json["data"]
    assert [row["content"] for row in said] == [row["content"] for row in json.loads(file.read_text())["messages"]]
    file.write_text(file.read_text().replace('"role":"user"', '"role":"guest"', 1))
    assert "messages.0.role: " in client.run("import", str(file)).expect(2).err
    assert "give the id of a session, or --user" in client.run("export").expect(2).err


def test_a_user_is_known_moved_and_erased(client: Shell) -> None:
    client.run("users", "set", "zoë/1", "name=Zoë", "plan=gold").expect(0)
    done = client.run("submit", "Say hello.", "--user", "zoë/1", "--wait", "60", "--json").expect(0).json
    shown = client.run("users", "show", "zoë/1", "--json").expect(0).json
    assert (shown["profile"], shown["sessions"]) == ({"name": "Zoë", "plan": "gold"}, 1)
    out = client.run("export", "--user", "zoë/1").expect(0).out
    moved = client.run("import", "-", "--user", "zoe", stdin=out, timeout=60).expect(0).err
    assert "user zoe: 1 sessions are imported" in moved
    assert "zoe" in client.run("users", "list").expect(0).out
    files = client.data / "workspaces" / done["session_id"]
    files.mkdir(parents=True)
    (files / "note.txt").write_text("a secret")
    assert client.run("users", "erase", "zoë/1", stdin="n\n").code != 0
    client.run("users", "erase", "zoë/1", "--yes").expect(0)
    until(lambda: client.run("users", "show", "zoë/1").code != 0, "all of it is removed", 60)
    until(lambda: not files.exists(), "with its files", 60)
    assert client.run("users", "show", "zoe").expect(0).code == 0
