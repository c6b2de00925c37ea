"""Loopback ports."""

import random
import socket
from collections.abc import Collection

LOOPBACK = "127.0.0.1"

# Below the range from which Linux (32768-60999) and macOS (49152-65535) give ports to outgoing connections:
# a port from there could be taken by any client between the death of a server and its restart.
STABLE_PORTS = range(20_000, 32_000)


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now; connections that linger from an earlier one do not count."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(preferred: int | None = None, avoid: Collection[int] = ()) -> int:
    """The preferred loopback port if nobody listens there, else a random one."""
    if preferred and preferred not in avoid and is_free(preferred):
        return preferred
    return next(port for port in iter(_any_port, None) if port not in avoid and is_free(port))


def _any_port() -> int:
    return random.choice(STABLE_PORTS)  # noqa: S311 - no secret


def http_url(host: str, port: int) -> str:
    """The address at which this machine reaches a server that listens on host and port."""
    reached = {"0.0.0.0": LOOPBACK, "": LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"
