"""The HTTP client: one method a call, every failure a CliError that names the remedy."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx2

from overnight.cli.address import REMEDY, Address, find_address
from overnight.cli.exits import CliError, NotFound, Unreachable

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
TIMEOUT = httpx2.Timeout(30.0, connect=5.0)
WHOLE = httpx2.Timeout(300.0, connect=5.0)  # for files of whole sessions
LONGEST_WAIT = 30.0  # seconds that one long poll asks for
SILENCE = 40.0  # seconds without a byte, keep-alives included, after which a stream is dead

Json = dict[str, Any]


class Client:
    """Speaks to one server."""

    def __init__(self, address: Address) -> None:
        self.base_url = address.base_url
        self._http = httpx2.Client(
            base_url=address.base_url,
            headers={"authorization": f"Bearer {address.key}"},
            timeout=TIMEOUT,
            # A proxy for the outside must not be asked for a server of this machine.
            trust_env=urlsplit(address.base_url).hostname not in LOOPBACK,
        )

    def submit(self, task: Json) -> Json:
        return self._create("/v1/tasks", task)

    def estimate(self, task: Json) -> Json:
        """What the task would take; nothing is stored."""
        return self._call("POST", "/v1/tasks", json={**task, "dry_run": True})

    def usage(self, query: Json) -> list[Json]:
        """All groups."""
        return list(self._every("/v1/usage", {**query, "limit": 1_000}))

    def budgets(self, user_id: str | None) -> list[Json]:
        given = {"user_id": user_id} if user_id else {}
        return list(self._every("/v1/budgets", {**given, "limit": 100}))

    def create_budget(self, wish: Json) -> Json:
        return self._create("/v1/budgets", wish)

    def change_budget(self, budget_id: str, limits: Json) -> Json:
        return self._call("POST", f"/v1/budgets/{_id(budget_id)}", json=limits)

    def delete_budget(self, budget_id: str) -> Json:
        return self._call("DELETE", f"/v1/budgets/{_id(budget_id)}")

    def task(self, task_id: str, wait: float = 0.0) -> Json:
        """The task; with `wait` after it has changed to a final or waiting state, or after so many seconds."""
        seconds = min(wait, LONGEST_WAIT)
        params = {"wait": f"{seconds:.3f}"} if seconds > 0 else {}
        timeout = httpx2.Timeout(30.0 + seconds, connect=5.0)
        return self._call("GET", f"/v1/tasks/{_id(task_id)}", params=params, timeout=timeout)

    def tasks(self, **filters: Any) -> list[Json]:
        return self._page("/v1/tasks", filters)

    def cancel(self, task_id: str) -> Json:
        return self._call("POST", f"/v1/tasks/{_id(task_id)}/cancel")

    def retry(self, task_id: str, limits: Json) -> Json:
        return self._call("POST", f"/v1/tasks/{_id(task_id)}/retry", json=limits)

    def send(self, session_id: str, event: Json) -> Json:
        """The event as it was taken."""
        sent: Json = self._create(f"/v1/sessions/{_id(session_id)}/events", {"events": [event]})["data"][0]
        return sent

    def session(self, session_id: str) -> Json:
        return self._call("GET", f"/v1/sessions/{_id(session_id)}")

    def sessions(self, **filters: Any) -> list[Json]:
        return self._page("/v1/sessions", filters)

    def agents(self, **filters: Any) -> list[Json]:
        return self._page("/v1/agents", filters)

    def agent(self, agent_id: str, version: int | None = None) -> Json:
        params = {} if version is None else {"version": version}
        return self._call("GET", f"/v1/agents/{_id(agent_id)}", params=params)

    def create_agent(self, definition: Json) -> Json:
        return self._create("/v1/agents", definition)

    def update_session(self, session_id: str, changes: Json) -> Json:
        return self._call("POST", f"/v1/sessions/{_id(session_id)}", json=changes)

    def move(self, session_id: str, verb: str, wish: Json | None = None) -> Json:
        """`pause`, `resume`, `extend` or `archive`."""
        return self._call("POST", f"/v1/sessions/{_id(session_id)}/{verb}", json=wish or None)

    def fork(self, session_id: str, wish: Json) -> Json:
        return self._create(f"/v1/sessions/{_id(session_id)}/fork", wish)

    def take_snapshot(self, session_id: str, name: str) -> Json:
        return self._create(f"/v1/sessions/{_id(session_id)}/snapshots", {"name": name})

    def snapshots(self, session_id: str) -> list[Json]:
        return list(self._every(f"/v1/sessions/{_id(session_id)}/snapshots", {"limit": 100}))

    def restore(self, session_id: str, snapshot_id: str, wish: Json) -> Json:
        return self._create(f"{_of_snapshot(session_id, snapshot_id)}/restore", wish)

    def compare(self, session_id: str, snapshot_id: str, other: str | None) -> Json:
        params = {"with": other} if other else {}
        return self._call("GET", f"{_of_snapshot(session_id, snapshot_id)}/compare", params=params)

    def export(self, session_id: str | None, user_id: str | None, file: IO[bytes]) -> int:
        """Writes the file of a session or a user, as it comes; gives how many bytes."""
        path = f"/v1/sessions/{_id(session_id)}" if session_id is not None else _of_user(user_id or "")
        size = 0
        try:
            with self._http.stream("GET", f"{path}/export", timeout=WHOLE) as response:
                if response.is_error:
                    response.read()
                    raise _refused(response)
                for piece in response.iter_bytes():
                    size += file.write(piece)
        except httpx2.TransportError as error:
            raise unreachable(self.base_url, error) from error
        return size

    def take_in(self, content: bytes, user_id: str | None) -> Json:
        """A file that was exported: a session's, or a user's."""
        path = "/v1/sessions" if user_id is None else _of_user(user_id)
        headers = {"content-type": "application/json", "idempotency-key": str(uuid4())}
        return self._call("POST", f"{path}/import", content=content, headers=headers, timeout=WHOLE)

    def users(self) -> list[Json]:
        return list(self._every("/v1/users", {"limit": 100}))

    def user(self, user_id: str) -> Json:
        return self._call("GET", _of_user(user_id))

    def change_user(self, user_id: str, profile: Json) -> Json:
        return self._create(_of_user(user_id), {"profile": profile})

    def erase_user(self, user_id: str) -> Json:
        return self._call("DELETE", _of_user(user_id))

    def delete(self, session_id: str) -> Json:
        return self._call("DELETE", f"/v1/sessions/{_id(session_id)}")

    def messages(self, session_id: str) -> list[Json]:
        """All of the ledger, oldest first."""
        return list(self._every(f"/v1/sessions/{_id(session_id)}/messages", {"limit": 100}))

    @contextmanager
    def stream(self, session_id: str, last_event_id: str | None) -> Iterator[Iterator[httpx2.ServerSentEvent]]:
        """The session's events after `last_event_id`, for as long as the connection holds. Raises httpx2's errors."""
        headers = {"last-event-id": last_event_id} if last_event_id else {}
        deltas = {"event_deltas[]": "agent.message"}
        timeout = httpx2.Timeout(SILENCE, connect=5.0)
        path = f"/v1/sessions/{_id(session_id)}/events/stream"
        with self._http.sse(path, params=deltas, headers=headers, timeout=timeout) as source:
            if source.response.is_error:
                source.response.read()
                raise _refused(source.response)
            yield iter(source)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _create(self, path: str, wish: Json) -> Json:
        """Safe to send twice: the key makes a repeat answer as the first did."""
        key = {"idempotency-key": str(uuid4())}
        try:
            return self._call("POST", path, json=wish, headers=key)
        except Unreachable:
            return self._call("POST", path, json=wish, headers=key)

    def _page(self, path: str, filters: Json) -> list[Json]:
        given = {name: value for name, value in filters.items() if value is not None}
        data: list[Json] = self._call("GET", path, params=given)["data"]
        return data

    def _every(self, path: str, filters: Json) -> Iterator[Json]:
        page: str | None = None
        while True:
            answer = self._call("GET", path, params=filters | ({"page": page} if page else {}))
            yield from answer["data"]
            page = answer.get("next_page")
            if not page:
                return

    def _call(self, method: str, path: str, **request: Any) -> Json:
        try:
            response = self._http.request(method, path, **request)
        except httpx2.TransportError as error:
            raise unreachable(self.base_url, error) from error
        except UnicodeEncodeError:
            raise CliError("what was given is not text in UTF-8; check the terminal's encoding") from None
        if response.is_error:
            raise _refused(response)
        try:
            answer: Json = response.json()
        except json.JSONDecodeError:
            raise Unreachable(
                f"{self.base_url} is no Overnight server: it answers without JSON; check OVERNIGHT_URL"
            ) from None
        return answer


def connect(url: str | None, key: str | None, data_dir: Path | None) -> Client:
    """Raises CliError when it is not known where the server is."""
    return Client(find_address(url, key, data_dir))


def unreachable(base_url: str, error: Exception) -> Unreachable:
    slow = isinstance(error, httpx2.TimeoutException)
    reason = "it does not answer in time" if slow else str(error) or type(error).__name__
    return Unreachable(f"cannot reach {base_url} ({reason}): {REMEDY}")


def _refused(response: httpx2.Response) -> CliError:
    """The server's own words; what it says is for people already."""
    message = _message(response)
    match response.status_code:
        case 401:
            return CliError(f"the server refused the key: {message}")
        case 404:
            return NotFound(message)
        case status if status >= 500:
            return Unreachable(f"the server answered {status}: {message}")
        case _:
            return CliError(message)


def _message(response: httpx2.Response) -> str:
    try:
        return " ".join(str(response.json()["error"]["message"]).split())
    except (ValueError, KeyError, TypeError):
        return f"HTTP {response.status_code} from {response.url}"


def _of_user(user_id: str) -> str:
    """Ids of users are their callers': any text."""
    return f"/v1/users/{quote(user_id, safe='')}"


def _of_snapshot(session_id: str, snapshot_id: str) -> str:
    """A snapshot's name is any text, too."""
    return f"/v1/sessions/{_id(session_id)}/snapshots/{quote(snapshot_id, safe='')}"


def _id(value: str) -> str:
    """An id goes into a path: nothing that is none may."""
    if not value.replace("_", "").replace("-", "").isalnum():
        raise CliError(f"'{value}' is no id: ids look like task_…, sesn_… and agent_…")
    return value
