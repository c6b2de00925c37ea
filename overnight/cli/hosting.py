"""The server that `run` uses: the one that is set, the stack that runs on the data directory, or one of its own."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from overnight.cli.access import LocalAccess
from overnight.cli.address import Address, find_address, local_address, variable
from overnight.cli.collapse import noticing_collapse
from overnight.cli.exits import CliError, Code
from overnight.settings import Settings
from overnight.stack.discover import find_running
from overnight.stack.errors import StackError
from overnight.stack.plan import Parts
from overnight.stack.stack import Stack

STARTING = 60.0  # seconds for which a stack that is on its way up is waited for
LOOK = 0.05


@dataclass(frozen=True)
class Server:
    address: Address
    is_own: bool = False  # it stops when the command ends
    simulated: bool | None = None  # None: not known


@contextmanager
def server(settings: Settings) -> Iterator[Server]:
    """Raises CliError when there is none and none can be started."""
    found = _set_server(settings) or _running_server(settings)
    if found:
        yield found
        return
    with starting(), LocalAccess(settings) as access, Stack(settings, Parts(flower=False, ephemeral=True)) as stack:
        address = access.grant(stack.plan.base_url or "")
        with noticing_collapse(stack):
            yield Server(address, is_own=True, simulated=stack.plan.simulated)


@contextmanager
def starting() -> Iterator[None]:
    """What keeps a stack from running becomes the command's error."""
    try:
        yield
    except StackError as error:
        raise CliError(str(error), Code.UNREACHABLE) from error


def _set_server(settings: Settings) -> Server | None:
    return Server(find_address(None, None, settings.data_dir)) if variable("OVERNIGHT_URL") else None


def _running_server(settings: Settings) -> Server | None:
    deadline = time.monotonic() + STARTING
    while running := find_running(settings.data_dir, patience=deadline - time.monotonic()):
        address = local_address(settings.data_dir)
        # The stack answers a moment before it has left a key for its clients.
        if address and address.base_url == running.base_url:
            return Server(address, simulated=running.simulated)
        if time.monotonic() > deadline:
            raise CliError(f"{running.base_url} runs, but has left no key for this machine: set OVERNIGHT_API_KEY")
        time.sleep(LOOK)
    return None
