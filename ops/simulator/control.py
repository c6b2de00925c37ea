"""/sim/…: what a test or an operator asks of the simulator itself."""

from typing import Any
from urllib.parse import parse_qs

from ops.simulator.directives import KINDS
from ops.simulator.errors import Refused
from ops.simulator.exchange import Exchange
from ops.simulator.limits import NAMES
from ops.simulator.messages import Messages


class Control:
    """Faults, settings, and the record of what was received."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    async def requests(self, exchange: Exchange) -> None:
        """Everything received so far, or what came after `?after=n`."""
        after = parse_qs(exchange.scope["query_string"].decode("latin-1")).get("after", ["0"])[0]
        if not after.isdigit():
            raise Refused(400, "after: give the number of the last request you have seen")
        await exchange.answer_json({"data": self._messages.record.requests(int(after))})

    async def clear_requests(self, exchange: Exchange) -> None:
        self._messages.record.clear()
        await exchange.answer_json({"data": []})

    async def stats(self, exchange: Exchange) -> None:
        await exchange.answer_json({**self._messages.record.stats(), "counted": dict(self._messages.limits.counted)})

    async def list_faults(self, exchange: Exchange) -> None:
        await exchange.answer_json({"data": self._messages.faults.listed()})

    async def add_fault(self, exchange: Exchange) -> None:
        given = await _object(exchange)
        try:
            self._messages.faults.add(given)
        except ValueError as problem:
            raise Refused(400, str(problem)) from None
        await self.list_faults(exchange)

    async def clear_faults(self, exchange: Exchange) -> None:
        self._messages.faults.clear()
        await self.list_faults(exchange)

    async def change_limits(self, exchange: Exchange) -> None:
        """Set `rpm`, `itpm` and `otpm`; null enforces that one no longer."""
        given = await _object(exchange)
        if unknown := [name for name in given if name not in NAMES]:
            raise Refused(400, f"{unknown[0]}: unknown limit; known are {', '.join(NAMES)}")
        try:
            self._messages.limits.change(given)
        except ValueError as problem:
            raise Refused(400, str(problem)) from None
        await self.list_limits(exchange)

    async def list_limits(self, exchange: Exchange) -> None:
        await exchange.answer_json(self._messages.limits.listed())

    async def change_settings(self, exchange: Exchange) -> None:
        """Set `latency` and `deltas`; null makes them natural again."""
        settings = self._messages.settings
        for name, value in (await _object(exchange)).items():
            if name not in ("latency", "deltas"):
                raise Refused(400, f"{name}: unknown setting; known are latency, deltas")
            try:
                setattr(settings, name, None if value is None else KINDS[name](value))
            except (TypeError, ValueError):
                raise Refused(400, f"{name}: give a number, or null for natural; not {value!r}") from None
        await exchange.answer_json({"latency": settings.latency, "deltas": settings.deltas})


async def _object(exchange: Exchange) -> dict[str, Any]:
    given = await exchange.json()
    if not isinstance(given, dict):
        raise Refused(400, "Input should be an object")
    return given
