"""Asks whoever sits at the terminal for what a task waits for, while it is shown there."""

from typing import Any

from overnight.cli import replies
from overnight.cli.asks import CONFIRMATION, pending
from overnight.cli.client import Client
from overnight.cli.exits import CliError, Unreachable
from overnight.cli.output import harmless
from overnight.cli.terminal import Terminal

Json = dict[str, Any]

YES, NO = {"y", "yes"}, {"n", "no", ""}


class Person:
    """Asked for each call once; Ctrl-D leaves it open."""

    def __init__(self, screen: Terminal) -> None:
        self._screen = screen
        self._asked: set[str] = set()

    def answer(self, client: Client, task: Json) -> None:
        """Approvals and questions; a call that the client carries out is nobody's here to answer."""
        calls = pending(task)
        self._asked &= {call["id"] for call in calls}  # one that a crash has cut off is asked for again
        for call in calls:
            if call["id"] not in self._asked and _is_for_a_person(call):
                self._answer(client, task, call)

    def _answer(self, client: Client, task: Json, call: Json) -> None:
        try:
            if call["type"] == CONFIRMATION:
                if (allow := self._allows(call)) is not None:
                    replies.confirm(client, task, call["id"], allow=allow)
            elif (text := self._says(call)) is not None:
                replies.provide(client, task, call["id"], text)
            self._asked.add(call["id"])
        except Unreachable as error:
            self._screen.show_trouble(error)  # asked again when the server is back
        except CliError as error:
            self._screen.announce(str(error))
            self._asked.add(call["id"])

    def _allows(self, call: Json) -> bool | None:
        while (typed := self._screen.ask(f"Allow {harmless(call['name'])}? [y/N] ")) is not None:
            if typed.lower() in YES | NO:
                return typed.lower() in YES
        return None

    def _says(self, call: Json) -> str | None:
        choices = call.get("choices") or []
        numbered = ", ".join(f"{number} = {harmless(choice)}" for number, choice in enumerate(choices, 1))
        while (typed := self._screen.ask(f"Your answer ({numbered}): " if choices else "Your answer: ")) is not None:
            if typed.isascii() and typed.isdecimal() and 0 < int(typed) <= len(choices):
                return str(choices[int(typed) - 1])
            if typed:
                return typed
        return None


def _is_for_a_person(call: Json) -> bool:
    return call["type"] == CONFIRMATION or call.get("question") is not None
