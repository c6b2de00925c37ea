"""Forks processes that have their modules loaded already: what each would spend seconds of CPU on otherwise.

Run as a module: orders come in as lines of JSON, and each process's id and end go out.
"""

import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import sys
from typing import Any

LIBRARIES = (
    *("anthropic", "celery.bin.celery", "celery.apps.worker", "celery.beat", "kombu.transport.redis", "structlog"),
    *("psycopg", "sqlmodel", "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql", "alembic.command"),
    *("fastapi", "uvicorn", "uvloop", "httptools", "sse_starlette", "pydantic_settings", "rich.console"),
)
#: Of ours, all that looks at no setting when it is loaded.
OURS = ("api.app", "worker.process", "worker.slice", "worker.sweeps", "ops.simulator.app")


def serve() -> dict[str, Any] | None:
    """Forks what is ordered until nobody is left to order; in a child, gives its order."""
    heard, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as selector:
        for channel in (heard, sys.stdin.fileno()):
            selector.register(channel, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd == heard:
                    os.read(heard, 4_096)
                    _report_the_dead()
                elif not (line := sys.stdin.buffer.raw.readline()):  # type: ignore[attr-defined]  # unbuffered
                    return None
                elif (pid := os.fork()) == 0:
                    return dict(json.loads(line))
                else:
                    _tell(pid=pid)


def become(order: dict[str, Any]) -> None:
    """Runs the ordered module as `python -m` would, in a process that is like a new one."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(order["env"])
    given, out, err = order["streams"]
    written = os.O_WRONLY | os.O_APPEND
    for number, channel in enumerate((os.open(given, os.O_RDONLY), os.open(out, written), os.open(err, written))):
        os.dup2(channel, number)
    os.chdir(order["place"])
    if order["safe_path"]:
        del sys.path[0]
    sys.argv = [order["module"], *order["arguments"]]
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)


def _report_the_dead() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _tell(pid=pid, ended=os.waitstatus_to_exitcode(status))


def _tell(**what: int) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    for library in (*LIBRARIES, *OURS):
        importlib.import_module(library)
    gc.collect()
    gc.freeze()  # no child walks what all of them have
    ordered = serve()
    if ordered is not None:
        become(ordered)
