"""The ASGI application: which call goes where, and every error in the envelope."""

from collections.abc import Awaitable, Callable

from ops.simulator.connection import ClientGone
from ops.simulator.control import Control
from ops.simulator.errors import Refused
from ops.simulator.exchange import Exchange, Receive, Scope, Send
from ops.simulator.messages import Messages
from ops.simulator.models import catalogue, describe, find_model

Handler = Callable[[Exchange], Awaitable[None]]
MODELS = "/v1/models"


class Simulator:
    """One simulated Claude."""

    def __init__(self, messages: Messages) -> None:
        control = Control(messages)
        self._routes: dict[str, dict[str, Handler]] = {
            "/v1/messages": {"POST": messages.create},
            "/v1/messages/count_tokens": {"POST": messages.count},
            MODELS: {"GET": _list_models},
            "/sim/requests": {"GET": control.requests, "DELETE": control.clear_requests},
            "/sim/stats": {"GET": control.stats},
            "/sim/faults": {"GET": control.list_faults, "POST": control.add_fault, "DELETE": control.clear_faults},
            "/sim/limits": {"GET": control.list_limits, "POST": control.change_limits},
            "/sim/settings": {"POST": control.change_settings},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        try:
            await self._handler(scope)(exchange)
        except Refused as refused:
            await exchange.refuse(refused)
        except ClientGone:
            return

    def _handler(self, scope: Scope) -> Handler:
        path = scope["path"]
        methods = {"GET": _show_model} if path.startswith(MODELS + "/") else self._routes.get(path)
        if methods is None:
            raise Refused(404, f"{path}: no such path here; this is a simulator of Claude's Messages API")
        if scope["method"] not in methods:
            raise Refused(405)
        return methods[scope["method"]]


async def _list_models(exchange: Exchange) -> None:
    exchange.key()
    await exchange.answer_json(catalogue())


async def _show_model(exchange: Exchange) -> None:
    exchange.key()
    model_id = exchange.scope["path"].removeprefix(MODELS + "/")
    if (model := find_model(model_id)) is None:
        raise Refused(404, f"model: {model_id}")
    await exchange.answer_json(describe(model))
