"""What is logged, and what never is."""

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from overnight.settings import Settings
from overnight.store.database import Database
from tests.api.support import KEY

SECRET = "nobody may read this"
#: Makes an insert fail whose error quotes what was to be written.
NEVER = {
    "sqlite": "CREATE TRIGGER never BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'never'); END",
    "postgres": "ALTER TABLE events ADD CONSTRAINT never CHECK (seq < 0) NOT VALID",
}


def test_failures_are_logged_with_their_id_and_without_what_was_said(
    settings: Settings, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    talkative = settings.model_copy(update={"log_level": "DEBUG"})
    with TestClient(create_app(talkative), headers={"x-api-key": KEY}) as client:
        assert client.post("/v1/tasks", json={"prompt": SECRET}).status_code == 202
        assert client.post("/v1/tasks", json={"prompt": SECRET, "x": 1}).status_code == 400
        with database.write() as connection:
            connection.exec_driver_sql(NEVER["sqlite" if database.is_sqlite else "postgres"])
        failed = client.post("/v1/tasks", json={"prompt": SECRET}, headers={"idempotency-key": SECRET})
    logged = capsys.readouterr().out
    assert failed.status_code == 500
    assert failed.json()["error"]["type"] == "api_error"
    assert failed.headers["request-id"] == failed.json()["request_id"]
    assert failed.headers["request-id"] in logged
    assert logged.count("request_failed") == 1
    assert "IntegrityError" in logged
    assert "submissions.py" in logged or "sessions.py" in logged
    assert SECRET not in logged + failed.text
    assert KEY not in logged


def test_what_goes_well_is_not_logged(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with TestClient(create_app(settings), headers={"x-api-key": KEY}) as client:
        assert client.post("/v1/tasks", json={"prompt": "x"}).status_code == 202
    assert capsys.readouterr().out == ""
