"""Starting a simulator as a child process and talking to its control plane: for tests and benchmarks."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator that answers at `url`."""

    url: str
    process: subprocess.Popen[bytes]
    http: httpx2.Client

    def requests(self, after: int = 0) -> list[dict[str, Any]]:
        """What it received, verbatim, in order of arrival."""
        return list(self._asked("GET", f"/sim/requests?after={after}")["data"])

    def clear(self) -> None:
        """Forget what it received, and its faults."""
        self._asked("DELETE", "/sim/requests")
        self._asked("DELETE", "/sim/faults")

    def stats(self) -> dict[str, Any]:
        return self._asked("GET", "/sim/stats")

    def fault(self, **fields: Any) -> None:
        """A fault for requests to come: the directives' fields, `rate`, `count` and for how many `seconds`."""
        self._asked("POST", "/sim/faults", fields)

    def limit(self, **limits: int | None) -> dict[str, int | None]:
        """Change `rpm`, `itpm` or `otpm`, and tell what is enforced; None enforces it no longer."""
        return self._asked("POST", "/sim/limits", limits)

    def settle(self, **settings: Any) -> None:
        """Change `latency` or `deltas`."""
        self._asked("POST", "/sim/settings", settings)

    def _asked(self, method: str, path: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self.http.request(method, path, json=data).raise_for_status().json()
        assert isinstance(answer, dict)
        return answer


@contextmanager
def running_simulator(*arguments: str) -> Iterator[RunningSimulator]:
    """Run one on a free port with these command-line arguments, and stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="simulator-") as folder:
        port_file = Path(folder) / "port"
        command = [sys.executable, "-m", "ops.simulator", "--port", "0", "--port-file", str(port_file), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[2])  # noqa: S603
        try:
            url = f"http://127.0.0.1:{_await_port(process, port_file)}"
            with httpx2.Client(base_url=url, timeout=30, trust_env=False) as http:
                yield RunningSimulator(url, process, http)
        finally:
            process.terminate()
            process.wait(10)


def _await_port(process: subprocess.Popen[bytes], port_file: Path) -> int:
    deadline = time.monotonic() + START_SECONDS
    while not port_file.exists():
        if process.poll() is not None:
            raise RuntimeError(f"the simulator ended at once with exit code {process.returncode}; its errors are above")
        if time.monotonic() > deadline:
            raise TimeoutError(f"the simulator did not start within {START_SECONDS:g} s")
        time.sleep(0.02)
    return int(port_file.read_text())
