"""What a running call knows about itself: a parameter annotated `Context` receives it, and Claude never sees it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

Report = Callable[[str, float | None], object]


class Cancelled(BaseException):
    """The call is no longer wanted. Like `asyncio.CancelledError` it passes by `except Exception`."""


class CancelFlag:
    """Set once, from any thread: by a timeout, a cancelled task, or a worker that goes."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], object]] = []

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Sleeps at most so long, and wakes at once when the call is cancelled; gives whether it is."""
        return self._event.wait(seconds)

    def raise_if_set(self) -> None:
        """Raises `Cancelled`, which ends the tool: for loops without a better way to stop."""
        if self.is_set():
            raise Cancelled

    def set(self) -> None:
        with self._lock:
            self._event.set()
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    @contextmanager
    def telling(self, listener: Callable[[], object]) -> Iterator[None]:
        """While inside, setting the flag calls `listener`, in the thread that sets it; at once if it is set."""
        with self._lock:
            self._listeners.append(listener)
            late = self._event.is_set()
        if late:
            listener()
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)


class Context:
    """One call. `idempotency_key` is the same whenever this call is tried again, and differs from every other call's.

    A test makes its own: `Context(folder=tmp_path)`.
    """

    def __init__(
        self,
        session_id: str = "sesn_test",
        task_id: str = "task_test",
        idempotency_key: str = "key_test",
        *,
        folder: Path,
        cancelled: CancelFlag | None = None,
        report: Report | None = None,
    ) -> None:
        self.session_id = session_id
        self.task_id = task_id
        self.idempotency_key = idempotency_key
        self.cancelled = cancelled or CancelFlag()
        self.folder = folder
        self._report = report

    @property
    def workspace(self) -> Path:
        """The session's own folder on this worker's disk, made when it is first asked for."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder

    def progress(self, note: str, fraction: float | None = None) -> None:
        """Shows how far the work is, where the task's status is shown; `fraction` is from 0 to 1."""
        if fraction is not None and not 0 <= fraction <= 1:
            raise ValueError(f"fraction must be from 0 to 1, not {fraction}")
        if self._report is not None:
            self._report(note, fraction)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        # The SDK makes a schema of every parameter, so this one needs one, too, before it is taken out.
        return core_schema.is_instance_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {}
