"""`api`, `worker`, `beat`, `flower`: one process each, as uvicorn or Celery; signals go straight to it."""

import os
import sys
from importlib import import_module
from typing import Annotated

import typer

from overnight.cli.exits import CliError
from overnight.cli.options import DataDir

API_APP = "api.app:create_app"
CELERY_APP = "worker.app"
FLOWER_COLUMNS = "args,uuid,state,received,runtime,worker,name"  # the session, and the task before the uuid's dot
FULL_STOP = 5  # seconds that open connections get when the API is stopped

Host = Annotated[str | None, typer.Option(help="Address to listen on (also OVERNIGHT_HOST).", show_default=False)]
Port = Annotated[int | None, typer.Option(min=0, max=65_535, help="Port to listen on.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    for command in (api, worker, beat, flower):
        app.command()(command)


def api(
    host: Host = None,
    port: Port = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the port.")] = 1,
    data_dir: DataDir = None,
) -> None:
    """Run the HTTP API (uvicorn)."""
    from overnight.cli.settle import settle

    settings = settle(host=host, port=port, data_dir=data_dir)
    import uvicorn

    # By name, so that nothing here depends on `api`; the settings reach it through the environment.
    uvicorn.run(
        API_APP,
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=workers,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=FULL_STOP,
    )


def worker(
    name: Annotated[
        str | None,
        typer.Option(help="Node name, unique on this host and the same after a restart.", show_default="worker<n>"),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", "-c", min=1, help="Turns at a time.", show_default=False)
    ] = None,
    partitions: Annotated[
        str | None, typer.Option(help="Only these partitions, as in 0-15,20.", show_default="all of them")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Run a worker (celery)."""
    from overnight.cli.node_name import own_node_name
    from overnight.cli.partitions import queues_of
    from overnight.cli.settle import need_claude, settle

    consumed = queues_of(partitions) if partitions is not None else []
    settings = settle(concurrency=concurrency, data_dir=data_dir)
    need_claude(settings)
    node = name or own_node_name()
    size = ["-P", "threads", "-c", str(settings.concurrency)]
    quiet = ["-E", "--without-gossip", "--without-mingle", "-l", "WARNING"]
    queues = ["-Q", ",".join(consumed)] if consumed else []
    sys.exit(_celery("worker", *size, "-n", f"{node}@%h", *quiet, *queues))


def beat(data_dir: DataDir = None) -> None:
    """Run the beat, which wakes what is due (celery)."""
    from overnight.cli.settle import settle

    settle(data_dir=data_dir)
    sys.exit(_celery("beat", "-l", "WARNING"))


def flower(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = None,
    data_dir: DataDir = None,
) -> None:
    """Run Flower, behind a password (celery)."""
    from overnight.cli.settle import settle

    settings = settle(flower_port=port, data_dir=data_dir)
    login = settings.flower_basic_auth.get_secret_value() if settings.flower_basic_auth else ""
    login = login or os.environ.get("FLOWER_BASIC_AUTH", "")
    if ":" not in login:
        raise CliError("Flower wants a password: set OVERNIGHT_FLOWER_BASIC_AUTH to user:password")
    os.environ["FLOWER_BASIC_AUTH"] = login  # never in argv, where everybody on the machine can read it
    code = _celery("flower", f"--port={settings.flower_port}", f"--address={host}", f"--tasks_columns={FLOWER_COLUMNS}")
    # Flower has nothing to save, and its helper threads would keep the process for as long as it is let.
    os._exit(code)


def _celery(*arguments: str) -> int:
    return import_module(CELERY_APP).app.start(list(arguments)) or 0
