"""One Overnight of real processes for the whole suite, and the official client, with its address and a key."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from anthropic import Anthropic

from tests.conformance.scenes import Scenes
from tests.process.cluster import KEY, Cluster, cluster, until
from tests.servers import free_port

MCP_SERVER = Path(__file__).parents[1] / "worker" / "mcp_server.py"


@pytest.fixture(scope="session")
def overnight(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Cluster]:
    """API, worker, beat, Redis and the simulator, on a database of their own."""
    folder = tmp_path_factory.mktemp("conformance")
    shutil.copy(sqlite_template, folder / "overnight.db")
    settings = {"retry_base": "0.2", "allow_bash": "true"}
    with cluster(folder, f"sqlite:///{folder / 'overnight.db'}", **settings) as made:
        made.start_redis()
        made.start_simulator()
        made.start_api()
        made.start_worker()
        made.start_beat()
        made.wait_for_workers("w1")
        yield made


@pytest.fixture(scope="session")
def client(overnight: Cluster) -> Iterator[Anthropic]:
    with Anthropic(base_url=overnight.api_url, api_key=KEY) as client:
        yield client


@pytest.fixture(scope="session")
def scenes(client: Anthropic) -> Scenes:
    return Scenes(client)


@pytest.fixture(scope="session")
def mcp_url(overnight: Cluster) -> str:
    """A server with a tool `add`; it ends with the cluster."""
    port = free_port()
    overnight._spawn("mcp", [sys.executable, str(MCP_SERVER), "http", str(port)])
    url = f"http://127.0.0.1:{port}/mcp"
    until(lambda: Cluster._answers(lambda: httpx2.get(url)), "the MCP server")
    return url
