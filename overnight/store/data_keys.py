"""Data keys in SQL, on connections of their own: they are made before a transaction, and read in the middle of one."""

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlmodel import col

from overnight.crypto.vault import Vault, Wrapped
from overnight.key_models import DataKeyRow
from overnight.store.clock import now

COLUMNS = (col(DataKeyRow.id), col(DataKeyRow.master_id), col(DataKeyRow.wrapped))


class DataKeys:
    """What a vault needs of the database; the engines keep no connection open."""

    def __init__(self, engine: Engine, reader: Engine) -> None:
        self._engine = engine
        self._reader = reader

    def add(self, key: Wrapped) -> None:
        with self._engine.begin() as connection:
            row = {"id": key.id, "master_id": key.master_id, "wrapped": key.wrapped}
            connection.execute(insert(DataKeyRow).values(**row, created_at=now()))

    def every(self) -> Sequence[Wrapped]:
        with self._reader.connect() as connection:
            return every(connection)


def every(connection: Connection) -> list[Wrapped]:
    return [Wrapped(*row) for row in connection.execute(select(*COLUMNS))]


def current(connection: Connection) -> Sequence[str]:
    """The ids of those whose values stay as they are."""
    return connection.execute(select(col(DataKeyRow.id)).where(col(DataKeyRow.retired_at).is_(None))).scalars().all()


def count(connection: Connection, master_id: str) -> int:
    return sum(key.master_id == master_id for key in every(connection))


def retire_others(connection: Connection, newest: str) -> None:
    """Marks the data keys that another master key than `newest` wraps: what they have sealed is to be sealed anew."""
    others = col(DataKeyRow.master_id) != newest
    connection.execute(update(DataKeyRow).where(others, col(DataKeyRow.retired_at).is_(None)).values(retired_at=now()))


def wrap_anew(connection: Connection, vault: Vault, newest: str) -> int:
    """Has the newest master key wrap every data key that opens, so that older ones may go; gives how many it did."""
    anew = [fresh for key in every(connection) if key.master_id != newest and (fresh := vault.wrap_anew(key))]
    for key in anew:
        connection.execute(
            update(DataKeyRow).where(col(DataKeyRow.id) == key.id).values(master_id=key.master_id, wrapped=key.wrapped)
        )
    return len(anew)


def forget(connection: Connection, master_id: str) -> int:
    """Removes the data keys of a master key that is lost: what they have sealed is lost with it."""
    return connection.execute(delete(DataKeyRow).where(col(DataKeyRow.master_id) == master_id)).rowcount
