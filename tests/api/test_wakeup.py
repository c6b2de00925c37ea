"""Wake-ups as they lie in Redis, against what Celery itself would have written."""

import json
from base64 import b64decode
from typing import Any

from redis import Redis

from overnight.after_commit import AfterCommit
from overnight.broker import celery_app
from overnight.routing import ADVANCE, queue_of
from tests.api.support import RedisServer

SESSION, TASK = "sesn_1", "task_1"


def from_celery(redis_url: str) -> dict[str, Any]:
    celery_app(redis_url).send_task(
        ADVANCE, args=[SESSION], queue=queue_of(SESSION), argsrepr=f"{SESSION} {TASK}", kwargsrepr=""
    )
    return taken(redis_url)


def from_us(redis_url: str) -> dict[str, Any]:
    after_commit = AfterCommit(redis_url)
    after_commit.wake(SESSION, TASK)
    after_commit.close()
    return taken(redis_url)


def taken(redis_url: str) -> dict[str, Any]:
    with Redis.from_url(redis_url) as redis:
        _, message = redis.blpop([f"overnight:{queue_of(SESSION)}"], timeout=5)
    return json.loads(message)


def without_ids(message: dict[str, Any]) -> dict[str, Any]:
    headers = {name: value for name, value in message["headers"].items() if name not in {"id", "root_id", "origin"}}
    # `send_task` leaves the options of the headers among the properties too, where nobody reads them.
    unnamed = {"correlation_id", "delivery_tag", "reply_to", "argsrepr", "kwargsrepr"}
    properties = {name: value for name, value in message["properties"].items() if name not in unnamed}
    return {**message, "headers": headers, "properties": properties}


def test_a_wake_up_is_what_celery_would_have_sent(redis_server: RedisServer) -> None:
    theirs, ours = from_celery(redis_server.url), from_us(redis_server.url)
    assert json.loads(b64decode(ours["body"])) == json.loads(b64decode(theirs.pop("body")))
    ours.pop("body")
    assert ours["headers"].keys() == theirs["headers"].keys()
    assert without_ids(ours) == without_ids(theirs)


def test_a_wake_up_names_the_task_and_no_two_are_alike(redis_server: RedisServer) -> None:
    one, other = from_us(redis_server.url), from_us(redis_server.url)
    assert one["headers"]["id"].startswith(f"{TASK}.")
    assert one["headers"]["id"] == one["properties"]["correlation_id"] == one["properties"]["delivery_tag"]
    assert one["headers"]["id"] != other["headers"]["id"]
