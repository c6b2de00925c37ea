"""`python -m ops.simulator`: run it."""

import argparse
import gc
import socket
from contextlib import suppress
from pathlib import Path

import uvicorn

from ops.simulator.app import Simulator
from ops.simulator.connection import Protocol
from ops.simulator.limits import Limits
from ops.simulator.messages import Messages, Settings
from ops.simulator.record import Record

BACKLOG = 2048
# Longer than any client keeps a connection, so that none is closed under a client that is about to use it.
KEEP_ALIVE_SECONDS = 3600
DRAIN_SECONDS = 1


def main() -> None:
    """Serve until stopped."""
    asked = _arguments()
    listener = _listen(asked.host, asked.port)
    url = f"http://{asked.host}:{listener.getsockname()[1]}"
    record = Record(keep=not asked.no_record, journal=asked.journal)
    limits = Limits({"rpm": asked.rpm, "itpm": asked.itpm, "otpm": asked.otpm})
    messages = Messages(Settings(asked.latency, asked.deltas), record, limits)
    if asked.port_file:
        _publish_port(asked.port_file, listener.getsockname()[1])
    print(f"Claude simulator at {url}: no model is called", flush=True)
    # Requests make no reference cycles worth looking for; frequent collections would double the CPU of a reply.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(_config(messages)).run(sockets=[listener])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("ops.simulator", description="A stand-in for Claude's Messages API.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8484, help="0 picks a free one")
    parser.add_argument("--port-file", type=Path, help="where to write the port once it listens")
    parser.add_argument("--latency", type=float, help="seconds a reply takes (default: by its length)")
    parser.add_argument("--deltas", type=int, help="text deltas of a reply (default: a few words each)")
    parser.add_argument("--rpm", type=_limit, help="requests a minute, enforced (default: no limit)")
    parser.add_argument("--itpm", type=_limit, help="input tokens a minute that the cache does not give, enforced")
    parser.add_argument("--otpm", type=_limit, help="output tokens a minute, enforced")
    parser.add_argument("--journal", type=Path, help="append a JSON line here when a request comes and when it ends")
    parser.add_argument("--no-record", action="store_true", help="keep no requests in memory, only counts")
    return parser.parse_args()


def _limit(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number from 1")
    return int(text)


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except OSError as problem:
        raise SystemExit(f"simulator: cannot listen on {host}:{port} ({problem}); give another --port, or 0") from None


def _publish_port(path: Path, port: int) -> None:
    """At once or not at all: whoever waits for the file never reads half a number."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(str(port))
    partial.replace(path)


def _config(messages: Messages) -> uvicorn.Config:
    return uvicorn.Config(
        Simulator(messages),
        http=Protocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


if __name__ == "__main__":
    main()
