"""The one Celery message there is: "wake session S". Written by hand, as Celery's own publishing costs 1 ms a message.

The format is Celery's message protocol 2 (docs.celeryq.dev, "Message Protocol") in the envelope of kombu's queues.
"""

import json
import secrets
from base64 import b64encode

from overnight.routing import ADVANCE, KEY_PREFIX, queue_of


def queue_key(session_id: str) -> str:
    """The Redis list that is the queue of the session's partition; messages enter on its left."""
    return KEY_PREFIX + queue_of(session_id)


def message(session_id: str, task_id: str | None) -> str:
    """Shown in Flower by its id, which names the task, and by its arguments; it carries nothing but ids."""
    identity = f"{task_id or 'sweep'}.{secrets.token_hex(4)}"  # Flower's list has room for one id a column
    calls = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return json.dumps(
        {
            "body": b64encode(json.dumps([[session_id], {}, calls]).encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": _headers(identity, f"{session_id} {task_id or ''}"),
            "properties": {
                "correlation_id": identity,
                "reply_to": "",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue_of(session_id)},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": identity,
            },
        }
    )


def _headers(identity: str, shown: str) -> dict[str, object]:
    return {
        "lang": "py",
        "task": ADVANCE,
        "id": identity,
        "root_id": identity,
        "parent_id": None,
        "group": None,
        "group_index": None,
        "shadow": None,
        "eta": None,
        "expires": None,
        "retries": 0,
        "timelimit": [None, None],
        "argsrepr": shown,
        "kwargsrepr": "",
        "origin": "overnight",
        "ignore_result": None,  # as the worker is set
        "replaced_task_nesting": 0,
        "stamped_headers": None,
        "stamps": {},
    }
