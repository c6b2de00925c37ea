"""What a real process logs, and what it never does."""

from pathlib import Path

from overnight.store.database import Database
from tests.api.support import KEY, Api, RedisServer

SECRET = "nobody may read this"
#: Makes an insert fail whose error quotes what was to be written.
NEVER = {
    "sqlite": "CREATE TRIGGER never BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'never'); END",
    "postgres": "ALTER TABLE events ADD CONSTRAINT never CHECK (seq < 0) NOT VALID",
}


def test_failures_are_logged_with_their_id_and_without_what_was_said(
    database_url: str, database: Database, redis_server: RedisServer, tmp_path: Path
) -> None:
    log = tmp_path / "stderr"
    with Api(database_url, redis_server.url, LOG_LEVEL="DEBUG", log=log) as api:
        accepted = api.client.post("/v1/tasks", json={"prompt": SECRET})
        assert api.client.post("/v1/tasks", json={"prompt": SECRET, "x": 1}).status_code == 400
        with database.write() as connection:
            connection.exec_driver_sql(NEVER["sqlite" if database.is_sqlite else "postgres"])
        failed = api.client.post("/v1/tasks", json={"prompt": SECRET}, headers={"idempotency-key": SECRET})
    logged = log.read_text()
    assert failed.status_code == 500
    assert failed.json()["error"]["type"] == "api_error"
    assert failed.headers["request-id"] == failed.json()["request_id"]
    assert logged.count("request_failed") == 1
    assert failed.headers["request-id"] in logged
    assert accepted.headers["request-id"] in logged
    assert "IntegrityError" in logged
    assert "submitting.py" in logged
    assert SECRET not in logged + failed.text
    assert KEY not in logged


def test_what_goes_well_is_not_logged(module_database_url: str, redis_server: RedisServer, tmp_path: Path) -> None:
    log = tmp_path / "stderr"
    with Api(module_database_url, redis_server.url, log=log) as api:
        answered = api.client.post("/v1/tasks", json={"prompt": "x"})
        assert answered.status_code == 202
    assert answered.headers["request-id"] not in log.read_text()
