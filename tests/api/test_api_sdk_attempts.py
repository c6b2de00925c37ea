"""An answer that is lost on its way to the SDK: it sends the request again, and nothing is done twice."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from anthropic import Anthropic
from sqlalchemy import update
from sqlmodel import col

from api.sdk_attempts import PAUSE, Attempt
from overnight.models import Idempotency
from overnight.store.clock import ago
from overnight.store.database import Database
from tests.api.support import KEY, Api

DEFAULT = {"agent": "agent_default", "environment_id": "env_default"}
TIMEOUT = 30.0


def says(words: str) -> Any:
    return {"type": "user.message", "content": [{"type": "text", "text": words}]}


class LosingAnswers(httpx2.HTTPTransport):
    """Loses the answers to the next `losses` POSTs, which have been carried out."""

    losses = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        if request.method == "POST" and self.losses:
            self.losses -= 1
            response.read()
            raise httpx2.ReadError("connection reset by peer", request=request)
        return response


@pytest.fixture
def network() -> LosingAnswers:
    return LosingAnswers()


@pytest.fixture
def sdk(api: Api, network: LosingAnswers) -> Iterator[Anthropic]:
    with httpx2.Client(transport=network) as http_client:
        yield Anthropic(api_key=KEY, base_url=api.url, http_client=http_client, timeout=TIMEOUT)


def messages(sdk: Anthropic, session_id: str) -> list[str]:
    found = sdk.beta.sessions.events.list(session_id, types=["user.message"])
    return [event.content[0].text for event in found if event.type == "user.message"]  # type: ignore[union-attr]


@pytest.mark.parametrize("losses", [1, 2])
def test_a_message_is_sent_once(sdk: Anthropic, network: LosingAnswers, losses: int) -> None:
    session = sdk.beta.sessions.create(**DEFAULT)
    network.losses = losses
    sent = sdk.beta.sessions.events.send(session.id, events=[says("yes")])
    assert messages(sdk, session.id) == ["yes"]
    assert sent.data is not None
    (listed,) = sdk.beta.sessions.events.list(session.id, types=["user.message"])
    assert sent.data[0].id == listed.id


def test_a_session_is_made_once(sdk: Anthropic, network: LosingAnswers) -> None:
    before = {session.id for session in sdk.beta.sessions.list()}
    network.losses = 1
    made = sdk.beta.sessions.create(**DEFAULT, initial_events=[says("Go.")])
    assert {session.id for session in sdk.beta.sessions.list()} - before == {made.id}
    assert messages(sdk, made.id) == ["Go."]


def test_the_same_words_on_purpose_are_said_again(sdk: Anthropic, network: LosingAnswers) -> None:
    session = sdk.beta.sessions.create(**DEFAULT)
    for losses in (0, 1, 0):
        network.losses = losses
        sdk.beta.sessions.events.send(session.id, events=[says("yes")])
    assert messages(sdk, session.id) == ["yes"] * 3


def test_an_old_answer_is_not_taken_for_a_lost_one(api: Api, sdk: Anthropic, module_database: Database) -> None:
    """The first try of the second 'yes' never arrived; the first 'yes' was a minute ago."""
    session = sdk.beta.sessions.create(**DEFAULT)
    sdk.beta.sessions.events.send(session.id, events=[says("yes")])
    with module_database.write() as connection:
        connection.execute(update(Idempotency).where(col(Idempotency.key) > "~").values(created_at=ago(60.0)))
    counted = {"x-stainless-retry-count": "1", "x-stainless-timeout": str(TIMEOUT)}
    path = f"/v1/sessions/{session.id}/events?beta=true"
    again = api.client.post(path, json={"events": [says("yes")]}, headers=counted)
    assert again.is_success
    assert messages(sdk, session.id) == ["yes"] * 2


def test_another_callers_words_are_his_own(api: Api, sdk: Anthropic) -> None:
    """Without the SDK's count nobody's repeat is guessed at."""
    session = sdk.beta.sessions.create(**DEFAULT)
    for _ in range(2):
        api.client.post(f"/v1/sessions/{session.id}/events", json={"events": [says("yes")]})
    assert messages(sdk, session.id) == ["yes"] * 2


@pytest.mark.parametrize(
    ("number", "age", "repeats"),
    [
        (0, 0.1, False),
        (1, 0.1, True),
        (1, PAUSE + 1, False),
        (2, PAUSE + 1, True),
        (1, TIMEOUT + 1, True),
        (1, TIMEOUT - 1, False),
        (1, 2 * TIMEOUT + 1, False),
        (2, 2 * TIMEOUT + 1, True),
    ],
)
def test_when_an_answer_can_have_been_lost(number: int, age: float, repeats: bool) -> None:
    assert Attempt(number, TIMEOUT).repeats(age) is repeats
