"""What `overnight run` does: finds or starts a server, submits, shows the task until its end, says what it cost."""

import time
from dataclasses import dataclass
from pathlib import Path
from signal import SIGHUP, SIGTERM
from typing import Any

from overnight.cli import phrases
from overnight.cli.address import variable
from overnight.cli.asks import Place
from overnight.cli.client import Client
from overnight.cli.collapse import Collapsed
from overnight.cli.exits import Code, Unreachable, code_of
from overnight.cli.follow import PATIENCE, follow
from overnight.cli.hosting import Server, server
from overnight.cli.local import read_settings
from overnight.cli.output import note, warn, write_json
from overnight.cli.screens import person_at, screen_for
from overnight.cli.up import SIMULATED
from overnight.stack.signals import handling, leave

FROM_THE_START = "0"  # as the id of the last event that was seen: none was
SHORT_PATIENCE = 5.0  # with a stack that is another command's: when it stops, this one takes over

Json = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """What to submit, and how to show it."""

    task: Json
    data_dir: Path | None
    as_json: bool
    stream: bool


class Errand:
    """One run of the command."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._settings = read_settings(data_dir=wish.data_dir)
        self._place = Place(wish.data_dir)
        self._screen = screen_for(self._place, says_words=wish.stream and not wish.as_json)
        self._person = None if wish.as_json else person_at(self._screen)
        self._task: Json | None = None
        self._is_done = False
        self._began = time.monotonic()

    def run(self) -> Code:
        """The exit code. Raises CliError."""
        with handling(leave, SIGTERM, SIGHUP), self._screen:
            while not self._is_done:
                with server(self._settings) as found:
                    self._work_at(found)
        return code_of(self._task["status"]) if self._task else Code.DEFECT

    def _work_at(self, found: Server) -> None:
        try:
            self._task = self._follow(found)
        except (KeyboardInterrupt, SystemExit, Collapsed):
            self._screen.close()
            note(self._where_it_goes_on(found))
            raise
        except Unreachable as error:
            if not self._may_move(found):
                raise Unreachable(f"{error}{self._not_lost()}") from error
            return self._screen.announce("the server has gone; the task goes on with another")
        self._tell(self._task, found)
        self._is_done = True
        return None

    def _follow(self, found: Server) -> Json:
        if found.simulated and self._task is None:
            self._screen.announce(SIMULATED)
        patience = PATIENCE if found.is_own or _is_remote() else SHORT_PATIENCE
        with Client(found.address) as client:
            is_new = not {"session_id", "context_key"} & self._wish.task.keys()
            after = FROM_THE_START if is_new and self._task is None else None
            self._task = client.task(self._task["id"]) if self._task else client.submit(self._wish.task)
            person = self._person
            return follow(client, self._task, self._screen, person, last_event_id=after, patience=patience)

    def _may_move(self, found: Server) -> bool:
        return self._task is not None and not found.is_own and not _is_remote()

    def _tell(self, task: Json, found: Server) -> None:
        if self._wish.as_json:
            self._screen.close()
            write_json({**task, "simulated": found.simulated})
        else:
            self._screen.show_answer(task)
        if task["status"] == "failed":
            warn(f"the task failed: {phrases.failure(task)}")
        note(phrases.ending(task, time.monotonic() - self._began))
        note(f'go on with: {self._command("run", "--session", task["session_id"])} "go on"')
        if found.simulated:
            warn(SIMULATED)

    def _where_it_goes_on(self, found: Server) -> str:
        if self._task is None:
            return "nothing was submitted"
        look = self._command("status", self._task["id"])
        if found.is_own:
            return f"{self._task['id']} is not finished: it goes on at the next '{self._command('up')}', then: {look}"
        return f"{self._task['id']} goes on without this command; look with: {look}"

    def _not_lost(self) -> str:
        return f"; {self._task['id']} is not lost: {self._command('status', self._task['id'])}" if self._task else ""

    def _command(self, name: str, *arguments: str) -> str:
        return self._place.command(name, *arguments)


def _is_remote() -> bool:
    return variable("OVERNIGHT_URL") is not None
