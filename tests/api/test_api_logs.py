"""What is logged, and what never is."""

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from overnight.settings import Settings
from overnight.store.database import Database
from tests.api.support import KEY

SECRET = "nobody may read this"


def test_failures_are_logged_with_their_id_and_without_what_was_said(
    settings: Settings, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    talkative = settings.model_copy(update={"log_level": "DEBUG"})
    with TestClient(create_app(talkative), headers={"x-api-key": KEY}) as client:
        assert client.post("/v1/tasks", json={"prompt": SECRET}).status_code == 202
        assert client.post("/v1/tasks", json={"prompt": SECRET, "x": 1}).status_code == 400
        with database.write() as connection:  # a statement that fails and quotes its values
            connection.exec_driver_sql("ALTER TABLE events RENAME TO elsewhere")
        failed = client.post("/v1/tasks", json={"prompt": SECRET}, headers={"idempotency-key": "k"})
    logged = capsys.readouterr().out
    assert failed.status_code == 503
    assert "overnight migrate" in failed.json()["error"]["message"]
    assert failed.headers["request-id"] in logged
    assert logged.count("request_failed") == 1
    assert SECRET not in logged
    assert KEY not in logged


def test_what_goes_well_is_not_logged(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with TestClient(create_app(settings), headers={"x-api-key": KEY}) as client:
        assert client.post("/v1/tasks", json={"prompt": "x"}).status_code == 202
    assert capsys.readouterr().out == ""
