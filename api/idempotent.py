"""One transaction for a POST: what it does, and what it answered before to the same request."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header
from pydantic import BaseModel
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import Response

from api.failures import Json
from api.parts import Parts, parts_of, workspace_of
from api.sdk_attempts import Attempt, key_of
from overnight.store import idempotency
from overnight.store.idempotency import Answer

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x20-\x7e]{1,255}$",
        description="A repeat with the same key and body is not done again: it answers as the first did, for a day.",
    ),
]
REPLAYED = {"idempotent-replayed": "true"}

#: A lost race shows the winner's row to the next try.
TRIES = 3


@dataclass(frozen=True, slots=True)
class Once:
    """A request that must not be done twice; `attempt` of one that has no key of its own."""

    key: str
    fingerprint: str
    attempt: Attempt | None = None

    def is_repeated(self, age: float) -> bool:
        return self.attempt is None or self.attempt.repeats(age)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a transaction came to: the answer, and what Redis is to hear after the commit."""

    session_id: str | None  # None: nobody is to hear of it
    answer: Answer
    task_id: str | None = None
    wake: bool = False
    stop: bool = False

    def tell(self, parts: Parts) -> None:
        if self.session_id is None:
            return
        if self.wake:
            parts.after_commit.wake(self.session_id, self.task_id)
        if self.stop:
            parts.after_commit.hint_stop(self.session_id)
        parts.after_commit.nudge(self.session_id)


Act = Callable[[Connection], Outcome]


def perform(request: Request, body: BaseModel, key: str | None, act: Act, location: str | None = None) -> Response:
    """Does it once, or answers as it did before. What `act` raises passes through, and nothing was done."""
    once = _once(request, body, key)
    answer, replayed = _in_one_transaction(parts_of(request), workspace_of(request), once, act)
    headers = {"location": f"{location}/{answer.body['id']}"} if location else {}
    return Json(answer.body, answer.status, {**headers, **(REPLAYED if replayed else {})})


def _in_one_transaction(parts: Parts, workspace_id: str, once: Once | None, act: Act) -> tuple[Answer, bool]:
    for left in reversed(range(TRIES)):
        try:
            with parts.database.write() as connection:
                earlier = idempotency.recall(connection, workspace_id, once.key, once.fingerprint) if once else None
                if once and earlier and once.is_repeated(earlier.age):
                    return earlier.answer, True
                outcome = act(connection)
                if once:
                    answer = outcome.answer
                    idempotency.remember(connection, workspace_id, once.key, once.fingerprint, answer, earlier)
            break
        except IntegrityError:
            if not left:
                raise
    outcome.tell(parts)
    return outcome.answer, False


def _once(request: Request, body: BaseModel, key: str | None) -> Once | None:
    attempt = Attempt.of(request) if key is None else None
    if key is None and attempt is None:
        return None
    sent = body.model_dump(mode="json", exclude_unset=True)
    text = json.dumps([request.url.path, sent], sort_keys=True)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    return Once(key or key_of(request, fingerprint), fingerprint, attempt)
