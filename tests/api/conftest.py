"""The API on both databases: in this process for what is quick, as a real process where processes matter."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from overnight.ids import WORKSPACE, new_id
from overnight.settings import Settings
from overnight.store import keys
from overnight.store.database import Database
from tests.api.support import KEY, Api, RedisServer, Worker
from tests.conftest import TEMPLATE
from tests.servers import Postgres, temporary_folder


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """Stays up: tests that harm Redis take `own_redis`."""
    with temporary_folder() as folder:
        server = RedisServer(folder)
        yield server
        server.close()


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    with temporary_folder() as folder:
        server = RedisServer(folder)
        yield server
        server.close()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def module_database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One database for all tests of a module: once SQLite, once Postgres."""
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres_server")
        return server.new_database(TEMPLATE)
    template: Path = request.getfixturevalue("sqlite_template")
    path = tmp_path_factory.mktemp("api") / "overnight.db"
    shutil.copy(template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="module")
def module_database(module_database_url: str) -> Iterator[Database]:
    database = Database(module_database_url)
    yield database
    database.close()


@pytest.fixture(scope="module")
def worker(module_database: Database) -> Worker:
    return Worker(module_database)


@pytest.fixture(scope="module")
def module_client(module_database_url: str, redis_server: RedisServer) -> Iterator[TestClient]:
    settings = Settings(
        database_url=module_database_url, redis_url=redis_server.url, api_key=KEY, poll_interval=0.2, key_cache=0.2
    )
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
def key(module_database: Database) -> str:
    """Opens a workspace of the test's own, which is empty."""
    secret = keys.new_secret()
    with module_database.write() as connection:
        keys.add(connection, "test", secret, new_id(WORKSPACE))
    return secret


@pytest.fixture
def client(module_client: TestClient, key: str) -> TestClient:
    """Sees the test's own workspace."""
    module_client.headers["x-api-key"] = key
    return module_client


@pytest.fixture
def anybody(module_client: TestClient) -> TestClient:
    """Shows no key by itself."""
    module_client.headers.pop("x-api-key", None)
    return module_client


@pytest.fixture(scope="module")
def api(module_database_url: str, redis_server: RedisServer) -> Iterator[Api]:
    """A real process, for all tests of a module."""
    with Api(module_database_url, redis_server.url, POLL_INTERVAL="0.3", KEEP_ALIVE="0.5", KEY_CACHE="0.2") as api:
        yield api
