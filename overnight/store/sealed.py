"""Columns that hold contents: sealed on their way in where a key is set, opened on their way out."""

import json
from typing import Any

from sqlalchemy import LargeBinary, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from overnight.crypto.vault import MARK, Vault

#: The attribute of a `Database`'s dialect: all that a type is told of where its value goes.
VAULT = "vault"


class Sealed(TypeDecorator[Any]):
    """What rewriting asks of all of them: `raw` is how the column holds it."""

    raw: TypeEngine[Any]
    place: str

    def mark(self, prefix: str) -> Any:
        """How a value begins that was sealed with this prefix."""
        raise NotImplementedError

    def resealed(self, vault: Vault, stored: Any) -> Any:
        """The value sealed anew. Raises `Unreadable`."""
        raise NotImplementedError

    def is_plain(self, stored: Any) -> bool:
        return not stored.startswith(self.mark(MARK))


class SealedText(Sealed):
    """A string in a TEXT column; `place` is its table and column, beyond which a sealed value opens nowhere.

    The vault is the dialect's, that is the `Database`'s.
    """

    impl = Text
    cache_ok = True
    raw = Text()

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def mark(self, prefix: str) -> str:
        return prefix

    def resealed(self, vault: Vault, stored: str) -> str:
        return vault.seal(vault.open(stored, self.place), self.place)

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else dialect.vault.seal(self.written(value), self.place)

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        return None if value is None else self.read(dialect.vault.open(value, self.place))

    def written(self, value: Any) -> str:
        return str(value)

    def read(self, text: str) -> Any:
        return text


class SealedJson(SealedText):
    """Any JSON value, written as `JsonText` writes it."""

    cache_ok = True

    def written(self, value: Any) -> str:
        return json.dumps(value, separators=(",", ":"))

    def read(self, text: str) -> Any:
        return json.loads(text)


class SealedBytes(Sealed):
    """Bytes, such as packs: no base64 makes them a third bigger."""

    impl = LargeBinary
    cache_ok = True
    raw = LargeBinary()

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value: bytes | None, dialect: Any) -> bytes | None:
        return None if value is None else dialect.vault.seal_bytes(value, self.place)

    def process_result_value(self, value: bytes | None, dialect: Any) -> bytes | None:
        return None if value is None else dialect.vault.open_bytes(bytes(value), self.place)

    def mark(self, prefix: str) -> bytes:
        return prefix.encode()

    def resealed(self, vault: Vault, stored: bytes) -> bytes:
        return vault.seal_bytes(vault.open_bytes(bytes(stored), self.place), self.place)
