"""The Celery app of workers, beat and Flower: `celery -A worker.app worker|beat|flower`. Importing it opens nothing.

What only a worker needs is imported when one starts: beat and Flower import this module too, and the SDK takes seconds.
"""

import time
from typing import TYPE_CHECKING, Any

import structlog
from celery.signals import worker_init, worker_shutdown, worker_shutting_down

from overnight import collector, logs
from overnight.broker import celery_app
from overnight.routing import ADVANCE, SWEEP_QUEUE
from overnight.settings import Settings

if TYPE_CHECKING:
    from worker.process import Process

log = structlog.get_logger(__name__)

WAKE_SWEEP = "overnight.sweep.wake"
PURGE_SWEEP = "overnight.sweep.purge"

settings = Settings()
logs.configure(settings.log_level)
app = celery_app(settings.redis_url)
app.conf.update(
    worker_pool="threads",
    worker_consumer="worker.consumer:Consumer",
    worker_concurrency=settings.concurrency,
    beat_scheduler="celery.beat:Scheduler",  # no file: a missed tick is late, never lost
    beat_max_loop_interval=1,
    beat_schedule={
        "wake": {"task": WAKE_SWEEP, "schedule": 1.0, "options": {"queue": SWEEP_QUEUE, "expires": 1.0}},
        "purge": {"task": PURGE_SWEEP, "schedule": 10.0, "options": {"queue": SWEEP_QUEUE, "expires": 10.0}},
    },
)

_process: "list[Process]" = []  # one, from worker_init on: Celery's tasks and signals have no other place for it


@app.task(name=ADVANCE)
def advance(session_id: str) -> None:
    from worker.slice import run_slice

    run_slice(_process[0], session_id)


@app.task(name=WAKE_SWEEP, send_events=False)  # Flower would show little else
def wake_sweep() -> None:
    from worker.sweeps import wake_due

    wake_due(_process[0])


@app.task(name=PURGE_SWEEP, send_events=False)
def purge_sweep() -> None:
    from worker.sweeps import purge

    purge(_process[0])


@worker_init.connect
def _start(sender: Any, **_: Any) -> None:
    from overnight.store.database import is_down
    from worker import slice, sweeps  # noqa: A004, F401 (now, so that the first task need not wait for them)
    from worker.process import Process

    process = Process(settings, sender.hostname, int(sender.concurrency))
    while True:
        try:
            process.start()
            break
        except Exception as error:
            if not is_down(error):
                raise SystemExit(f"worker cannot start: {type(error).__name__}: {error}") from error
            log.warning("waiting_for_database", error=type(error).__name__)
        time.sleep(1.0)
    _process.append(process)
    collector.settle()


@worker_shutting_down.connect
def _drain(**_: Any) -> None:
    for process in _process:
        process.drain()


@worker_shutdown.connect
def _close(**_: Any) -> None:
    while _process:
        _process.pop().close()
