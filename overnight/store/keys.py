"""API keys: made once, shown once, kept as hashes."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update
from sqlmodel import col

from overnight.errors import NotFound
from overnight.ids import KEY, new_id
from overnight.models import DEFAULT_WORKSPACE, ApiKey
from overnight.store.clock import now
from overnight.store.rows import every

PREFIX = "sk-overnight-"


@dataclass(frozen=True, slots=True)
class Opened:
    """A workspace, and the key that opened it."""

    workspace_id: str
    key_id: str


def new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    """A plain hash: the secret is random, so there is nothing to guess."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def add(connection: Connection, name: str, secret: str, workspace_id: str = DEFAULT_WORKSPACE) -> str:
    """Makes `secret` a valid key, unless it is one already; gives its id."""
    hashed = fingerprint(secret)
    known = connection.execute(select(col(ApiKey.id)).where(col(ApiKey.hash) == hashed)).scalar_one_or_none()
    if known is not None:
        connection.execute(update(ApiKey).where(col(ApiKey.id) == known).values(revoked_at=None))
        return known
    key_id = new_id(KEY)
    row = {"id": key_id, "workspace_id": workspace_id, "name": name, "hash": hashed, "hint": secret[-4:]}
    connection.execute(insert(ApiKey).values(**row, created_at=now()))
    return key_id


def opened_by(connection: Connection, secret: str) -> Opened | None:
    """What a key opens; None for an unknown or revoked one."""
    statement = select(col(ApiKey.workspace_id), col(ApiKey.id)).where(
        col(ApiKey.hash) == fingerprint(secret), col(ApiKey.revoked_at).is_(None)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else Opened(*row)


def every_key(connection: Connection, workspace_id: str = DEFAULT_WORKSPACE) -> Sequence[ApiKey]:
    statement = select(ApiKey).where(col(ApiKey.workspace_id) == workspace_id).order_by(col(ApiKey.created_at))
    return every(connection, ApiKey, statement)


def revoke(connection: Connection, key_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> None:
    """Raises `NotFound`."""
    statement = (
        update(ApiKey)
        .where(col(ApiKey.id) == key_id, col(ApiKey.workspace_id) == workspace_id)
        .values(revoked_at=now())
    )
    if connection.execute(statement).rowcount == 0:
        raise NotFound(f"key {key_id} not found")


def revoke_named(connection: Connection, name: str) -> None:
    """Revokes every key of this name: those that a process made for itself."""
    connection.execute(
        update(ApiKey).where(col(ApiKey.name) == name, col(ApiKey.revoked_at).is_(None)).values(revoked_at=now())
    )
