"""The processes that reported themselves lately."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update
from sqlmodel import col

from overnight import __version__
from overnight.node_models import Node
from overnight.store.clock import after, now
from overnight.store.rows import every


def report(connection: Connection, name: str, role: str, incarnation: str, slots: int = 0) -> None:
    """Says that this process lives: its row is made or renewed."""
    seen = update(Node).where(col(Node.name) == name, col(Node.incarnation) == incarnation).values(seen_at=now())
    if connection.execute(seen).rowcount:
        return
    values = {"role": role, "incarnation": incarnation, "slots": slots, "version": __version__}
    fresh = {**values, "started_at": now(), "seen_at": now()}
    if connection.execute(update(Node).where(col(Node.name) == name).values(**fresh)).rowcount == 0:
        connection.execute(insert(Node).values(name=name, **fresh))


def at_work(connection: Connection, role: str, within: float) -> Sequence[Node]:
    """Those of a role that were seen in the last `within` seconds."""
    return [node for node in alive(connection, within) if node.role == role]


def alive(connection: Connection, within: float) -> Sequence[Node]:
    """Those seen in the last `within` seconds."""
    return every(connection, Node, select(Node).where(col(Node.seen_at) > after(-within)).order_by(col(Node.name)))
