from pathlib import Path

import pytest
from pydantic import ValidationError

from overnight.settings import Settings


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A directory and an environment without settings."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"OVERNIGHT_{name.upper()}", raising=False)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u:p@db:5432/on", "postgresql+psycopg://u:p@db:5432/on"),
        ("postgresql://u:p@db/on?sslmode=require", "postgresql+psycopg://u:p@db/on?sslmode=require"),
        ("postgresql+psycopg://u:p@db/on", "postgresql+psycopg://u:p@db/on"),
        ("sqlite:////srv/on.db", "sqlite:////srv/on.db"),
    ],
)
def test_a_postgres_url_names_the_installed_driver(monkeypatch: pytest.MonkeyPatch, given: str, used: str) -> None:
    monkeypatch.setenv("OVERNIGHT_DATABASE_URL", given)
    assert Settings().sql_url == used


def test_without_a_database_the_data_directory_has_one(monkeypatch: pytest.MonkeyPatch, elsewhere: Path) -> None:
    assert Settings().sql_url == f"sqlite:///{elsewhere / '.overnight/overnight.db'}"
    monkeypatch.setenv("OVERNIGHT_DATA_DIR", "data")
    assert Settings().sql_url == f"sqlite:///{elsewhere / 'data/overnight.db'}"


def test_dot_env_is_read_and_what_is_not_ours_in_it_is_ignored(elsewhere: Path) -> None:
    (elsewhere / ".env").write_text(
        "OVERNIGHT_PORT=8123\nANTHROPIC_API_KEY=sk-1\nOVERNIGHT_OLD=1\nPOSTGRES_PASSWORD=x\n"
    )
    settings = Settings()
    assert settings.port == 8123
    assert settings.anthropic_api_key is not None
    assert settings.anthropic_api_key.get_secret_value() == "sk-1"


def test_the_environment_goes_before_dot_env(monkeypatch: pytest.MonkeyPatch, elsewhere: Path) -> None:
    (elsewhere / ".env").write_text("OVERNIGHT_PORT=8123\n")
    monkeypatch.setenv("OVERNIGHT_PORT", "8124")
    assert Settings().port == 8124


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERNIGHT_PORT", "eight thousand")
    with pytest.raises(ValidationError, match="port"):
        Settings()


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    monkeypatch.setenv("OVERNIGHT_API_KEY", "sk-overnight-secret")
    assert "secret" not in f"{Settings()!r} {Settings().model_dump_json()}"


@pytest.mark.parametrize(
    ("key", "address", "simulated"),
    [
        (None, None, True),
        ("sk-ant-1", None, False),
        (None, "http://127.0.0.1:9", False),
        ("sk-ant-1", "http://127.0.0.1:9", False),
        ("", None, True),
    ],
)
def test_the_simulator_answers_where_there_is_no_key(
    monkeypatch: pytest.MonkeyPatch, key: str | None, address: str | None, simulated: bool
) -> None:
    if key is not None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    if address is not None:
        monkeypatch.setenv("OVERNIGHT_ANTHROPIC_BASE_URL", address)
    assert Settings().is_simulated is simulated
