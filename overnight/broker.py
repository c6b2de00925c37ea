"""Celery as Overnight uses it: messages that carry a session id, may be lost or doubled, and are never waited for."""

import os

from celery import Celery
from kombu import Queue

from overnight.broker_channel import use_hint_channels
from overnight.live import SOCKET_TIMEOUT
from overnight.routing import KEY_PREFIX, SWEEP_QUEUE, queue_names

#: Nobody waits for a publish, and the sweep makes up for a lost one: try twice, give up quickly.
PUBLISH_POLICY = {"max_retries": 1, "interval_start": 0.0, "interval_step": 0.1, "interval_max": 0.1}


def queues() -> list[Queue]:
    """One queue a partition, and the sweeps'. Celery sends to them directly, so a flushed binding loses nothing."""
    return [Queue(name, routing_key=name) for name in [*queue_names(), SWEEP_QUEUE]]


def celery_app(redis_url: str) -> Celery:
    """The app that producers and workers share; the worker adds its tasks to it."""
    for name in ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"):
        os.environ.pop(name, None)  # they would quietly take the place of `redis_url`
    use_hint_channels()
    app = Celery("overnight", broker=redis_url, set_as_current=False)
    app.conf.update(
        task_queues=queues(),
        task_default_queue=SWEEP_QUEUE,
        task_ignore_result=True,
        result_backend=None,
        task_acks_late=True,
        task_reject_on_worker_lost=False,
        task_publish_retry_policy=PUBLISH_POLICY,
        worker_prefetch_multiplier=1,
        worker_send_task_events=True,
        task_send_sent_event=False,
        worker_enable_remote_control=True,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "priority_steps": [0],  # four lists a queue would be 260 keys to wait on
            "global_keyprefix": KEY_PREFIX,
            "visibility_timeout": 3_600,
            "socket_timeout": SOCKET_TIMEOUT,
            "socket_connect_timeout": SOCKET_TIMEOUT,
        },
        broker_pool_limit=64,  # Flower asks ten things of the workers at once, and each waits for a connection
        task_serializer="json",
        accept_content=["json"],
        enable_utc=True,
        timezone="UTC",
    )
    return app
