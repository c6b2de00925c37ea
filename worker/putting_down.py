"""What an owner does when his session is paused under his hands."""

from overnight.store.calls import Call
from overnight.store.leases import Lease
from overnight.store.put_down import put_down as write
from overnight.store.turn import Turn
from worker.held import Held
from worker.next import Next
from worker.persist import persist
from worker.process import Process


def put_down(process: Process, held: Held, lease: Lease, turn: Turn | None = None, call: Call | None = None) -> Next:
    """Leaves it until it is resumed. `turn`: whose request was halted, `call`: its cost. Raises `LeaseLost`."""
    if not persist(process, held, write, lease, turn, call):
        process.after_commit.wake(lease.session_id)
    return Next(lease, None)
