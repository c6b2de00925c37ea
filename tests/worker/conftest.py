"""A simulator and the real SDK, and a loop and a context for tools, for every test of this folder."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anthropic
import pytest

from ops.simulator.running import RunningSimulator, running_simulator
from overnight.tools import Context
from tests.worker.loops import Loop, running_loop


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with running_simulator("--latency", "0") as simulator:
        yield simulator


@pytest.fixture
def simulator(running: RunningSimulator) -> RunningSimulator:
    running.clear()
    running.settle(latency=0, deltas=None)
    return running


@pytest.fixture
async def client(simulator: RunningSimulator) -> AsyncIterator[anthropic.AsyncAnthropic]:
    http = anthropic.DefaultAioHttpClient(trust_env=False)
    async with anthropic.AsyncAnthropic(
        api_key="test-key", base_url=simulator.url, max_retries=0, timeout=20, http_client=http
    ) as made:
        yield made


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    with running_loop() as loop:
        yield loop


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(folder=tmp_path / "workspace")
