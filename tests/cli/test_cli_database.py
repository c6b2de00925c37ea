"""`migrate`, `keys` and `doctor` on both databases, without a server."""

import pytest
from sqlalchemy import text

from overnight.models import DEFAULT_WORKSPACE
from overnight.store import schema, sessions
from overnight.store.database import Database
from overnight.store.sessions import NewSession
from overnight.store.submissions import NewTask
from tests.cli.support import Shell


@pytest.fixture
def on_database(shell: Shell, database_url: str) -> Shell:
    """Beside a migrated database of the test's own."""
    return shell.with_settings(OVERNIGHT_DATABASE_URL=database_url)


def test_migrate_makes_the_schema_and_may_be_repeated(shell: Shell) -> None:
    for _ in range(2):
        assert shell.run("migrate", "--json").expect(0).json["version"] == schema.newest()
    assert schema.newest() in shell.run("migrate").expect(0).out


def test_migrate_does_not_show_the_password(shell: Shell) -> None:
    away = shell.with_settings(OVERNIGHT_DATABASE_URL="postgresql://user:hidden@127.0.0.1:9/x")
    said = away.run("migrate").expect(3)
    assert "hidden" not in said.err
    assert "127.0.0.1:9" in said.err


def test_keys_are_shown_once_listed_and_revoked(on_database: Shell) -> None:
    made = on_database.run("keys", "create", "for Anna").expect(0)
    secret = made.out.strip()
    assert made.out == f"{secret}\n"
    listed = on_database.run("keys", "list", "--json").expect(0)
    assert secret not in listed.out
    (key,) = listed.json["data"]
    assert (key["name"], key["hint"], key["revoked_at"]) == ("for Anna", secret[-4:], None)
    assert f"…{secret[-4:]}" in on_database.run("keys", "list").expect(0).out
    on_database.run("keys", "revoke", key["id"]).expect(0)
    assert on_database.run("keys", "list", "--json").json["data"][0]["revoked_at"] is not None
    assert "keys list" in on_database.run("keys", "revoke", "key_0").expect(2).err


def test_a_key_needs_a_name(on_database: Shell) -> None:
    assert "name" in on_database.run("keys", "create", " ").expect(2).err


def checks_of(shell: Shell, code: int) -> dict[str, tuple[str, str]]:
    said = shell.run("doctor", "--json").expect(code)
    return {check["check"]: (check["verdict"], check["detail"]) for check in said.json["checks"]}


def test_doctor_on_a_database_where_nobody_works(on_database: Shell) -> None:
    checks = checks_of(on_database, 0)
    assert checks["schema"] == ("ok", f"version {schema.newest()}")
    assert checks["worker"][0] == checks["beat"][0] == "warn"
    assert checks["stalled sessions"] == ("ok", "none")
    told = on_database.run("doctor").expect(0).out
    assert "overnight worker" in told


def test_doctor_on_an_empty_directory_makes_no_files(shell: Shell) -> None:
    checks = checks_of(shell, 0)
    assert checks["database"][0] == "warn"
    assert not shell.data.exists()


def test_doctor_fails_where_something_is_wrong(shell: Shell) -> None:
    bad = {
        "OVERNIGHT_DATABASE_URL": "postgresql://user:hidden@127.0.0.1:9/x",
        "OVERNIGHT_REDIS_URL": "redis://:hidden@127.0.0.1:9/0",
        "ANTHROPIC_API_KEY": "sk-ant-hidden",
        "OVERNIGHT_ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    }
    wrong = shell.with_settings(**bad)
    checks = checks_of(wrong, 3)
    assert {name for name, (verdict, _) in checks.items() if verdict == "fail"} == {"database", "redis", "claude"}
    assert "hidden" not in wrong.run("doctor").expect(3).out


def test_doctor_names_a_setting_that_cannot_be_read(shell: Shell) -> None:
    checks = checks_of(shell.with_settings(OVERNIGHT_CONCURRENCY="many"), 3)
    assert list(checks) == ["settings"]
    assert "OVERNIGHT_CONCURRENCY" in checks["settings"][1]


def test_doctor_tells_an_old_schema_and_sessions_that_nobody_takes(on_database: Shell, database_url: str) -> None:
    database = Database(database_url)
    with database.write() as connection:
        task = NewTask([{"type": "text", "text": "x"}])
        sessions.create(connection, DEFAULT_WORKSPACE, NewSession("claude", 10), [task], idle_check=0)
        connection.execute(text("UPDATE sessions SET wake_at = '2020-01-01 00:00:00.000000'"))
    assert checks_of(on_database, 0)["stalled sessions"][0] == "warn"
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    assert checks_of(on_database, 3)["schema"][0] == "fail"
    database.close()
