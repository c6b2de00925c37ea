"""Everything on one machine: Redis, simulator, API, workers, beat and Flower under one supervisor."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGHUP, SIGTERM
from types import TracebackType
from typing import Self, TextIO

from overnight.settings import Settings
from overnight.stack import record
from overnight.stack.child import Check, Child, Patience
from overnight.stack.errors import StartFailed
from overnight.stack.guardian import Guardian
from overnight.stack.leftovers import end_leftovers
from overnight.stack.lock import StackLock
from overnight.stack.plan import Parts, Plan, plan_stack
from overnight.stack.private_files import private_directory
from overnight.stack.record import Mark, Record
from overnight.stack.signals import handling, leave
from overnight.stack.supervisor import Supervisor

Planner = Callable[[Settings, Parts], Plan]


class Stack:
    """`with` starts and stops it; `start` raises a StackError and leaves nothing behind when it cannot.

    `also_ready` adds readiness checks by child name ("worker1"); `echo` gets what the children print.
    """

    def __init__(
        self,
        settings: Settings,
        parts: Parts | None = None,
        *,
        also_ready: Mapping[str, Check] | None = None,
        echo: TextIO | None = None,
        patience: Patience | None = None,
        planner: Planner = plan_stack,
    ) -> None:
        self.data_dir: Path = settings.data_dir.resolve()
        self._settings = settings
        self._parts = parts or Parts()
        self._also_ready = also_ready or {}
        self._echo = echo
        self._patience = patience
        self._planner = planner
        self._plan: Plan | None = None
        self._supervisor: Supervisor | None = None
        self._open = ExitStack()

    @property
    def plan(self) -> Plan:
        """Addresses and environment of the stack that runs."""
        if self._plan is None:
            raise RuntimeError("the stack was not started")
        return self._plan

    @property
    def failure(self) -> StartFailed | None:
        """What keeps a child from running, when it turned out after the start."""
        return self._supervisor.failure if self._supervisor else None

    def start(self) -> None:
        """Returns when every part is ready. Raises StackError."""
        with ExitStack() as undo:
            undo.enter_context(handling(leave, SIGTERM, SIGHUP))
            lock = self._own_directory(undo)
            self._plan = self._planner(self._settings, self._parts)
            lock.announce(self._plan.base_url)
            undo.enter_context(Guardian(self.data_dir))
            undo.callback(record.forget, self.data_dir)
            self._supervisor = undo.enter_context(self._supervise(self._plan))
            self._open = undo.pop_all()

    def wait(self) -> None:
        """Until SIGINT, SIGTERM or SIGHUP arrives; raises StartFailed when a child proves unable to run."""
        if self._supervisor:
            self._supervisor.wait()

    def stop(self) -> None:
        """Drains in reverse order; SIGINT meanwhile kills at once."""
        self._open.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _own_directory(self, undo: ExitStack) -> StackLock:
        """Alone in the data directory, with nothing left of whoever was there before."""
        private_directory(self.data_dir)
        lock = undo.enter_context(StackLock(self.data_dir))
        if before := Record.read(self.data_dir):
            end_leftovers(before.children)
            record.forget(self.data_dir)
        return lock

    def _supervise(self, plan: Plan) -> Supervisor:
        base = Record(
            supervisor=record.this_process(),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            base_url=plan.base_url,
            flower_url=plan.flower_url,
            simulated=plan.simulated,
        )

        def write(children: tuple[Mark, ...]) -> None:
            base.with_children(children).write(self.data_dir)

        children = [self._with_checks(child) for child in plan.children]
        return Supervisor(children, self.data_dir / "logs", patience=self._patience, echo=self._echo, on_change=write)

    def _with_checks(self, child: Child) -> Child:
        also = self._also_ready.get(child.name)
        return child.ready_when(also) if also else child
