"""Contents sealed before they go to the database, and opened as they come back.

A sealed value is `$1$`, its data key's id, `$`, and the base64 of nonce and AES-256-GCM ciphertext. JSON never begins
with `$`, so plain values live beside sealed ones. What is authenticated beside the text: version, data key and column.
Bytes are sealed alike, without the base64.
"""

import os
import threading
import time
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from overnight.crypto.masters import SETTING, MasterKey
from overnight.errors import Unreadable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK = "$1$"
ID_BYTES = 6
PREFIX_LENGTH = len(MARK) + 2 * ID_BYTES + 1
NONCE = 12
#: A data key seals for a day or so many values, far below the 2^32 up to which random nonces are safe.
MOST_AGE, MOST_VALUES = 86_400.0, 2**30


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key as it is stored."""

    id: str
    master_id: str
    wrapped: str = field(repr=False)


class KeyStore(Protocol):
    """Where data keys are kept. Called in the middle of others' transactions, so it must not wait for them."""

    def add(self, key: Wrapped) -> None:
        """Committed when it returns."""

    def every(self) -> Sequence[Wrapped]: ...


class DataKey:
    """A data key in memory."""

    def __init__(self, key_id: str, secret: bytes) -> None:
        # Here and not above, because most commands seal nothing.
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self.prefix = prefix_of(key_id)
        self._refusals = (InvalidTag, ValueError)
        self._cipher: AESGCM = AESGCM(secret)
        self._places: dict[str, bytes] = {}
        self._sealed = 0
        self._stale_at = time.monotonic() + MOST_AGE

    @property
    def is_spent(self) -> bool:
        return self._sealed >= MOST_VALUES or time.monotonic() >= self._stale_at

    def seal(self, plain: bytes, place: str) -> bytes:
        self._sealed += 1
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, self._beside(place))

    def open(self, body: bytes, place: str) -> bytes:
        """Raises `Unreadable` where the value is not what was sealed for this place."""
        try:
            return self._cipher.decrypt(body[:NONCE], body[NONCE:], self._beside(place))
        except self._refusals:
            raise damaged(place) from None

    def _beside(self, place: str) -> bytes:
        beside = self._places.get(place)
        if beside is None:
            beside = self._places[place] = f"{self.prefix}{place}".encode()
        return beside


class Vault:
    """Seals with a data key of this process, which the newest master key wraps; opens with any that is known.

    Without master keys nothing is sealed. `masters` of None is for programs that touch no contents: nothing is checked.
    """

    def __init__(self, masters: Sequence[MasterKey] | None, store: KeyStore) -> None:
        self.is_on = bool(masters)
        self._masters = {master.id: master for master in masters or ()}
        self._newest = masters[0] if masters else None
        self._store = store
        self._checked = masters is None
        self._writing: DataKey | None = None
        self._known: dict[str, DataKey] = {}
        # Two, because whoever looks for a key may hold the lock of SQLite that whoever makes one waits for.
        self._making, self._finding = threading.Lock(), threading.Lock()

    def prepare(self) -> None:
        """Before a transaction that may write: sees that no key is missing, and that there is one to seal with.

        Raises `Unreadable`.
        """
        key = self._writing
        if self._checked and (not self.is_on or (key is not None and not key.is_spent)):
            return
        if not self._making.acquire(blocking=key is None):
            return  # another thread makes the next one, and this one is good for a little longer
        try:
            self._make_ready()
        finally:
            self._making.release()

    def _make_ready(self) -> None:
        if not self._checked:
            self.check()
            self._checked = True
        if self._newest is not None and (self._writing is None or self._writing.is_spent):
            self._writing = self._new_key(self._newest)

    def check(self) -> None:
        """Raises `Unreadable` where the database has data keys that none of the master keys opens."""
        if lacking := self.lacking():
            raise missing(*lacking)

    def lacking(self) -> list[str]:
        """The ids of the master keys that the database needs and the setting lacks."""
        return sorted({wrapped.master_id for wrapped in self._store.every()} - self._masters.keys())

    def seal(self, text: str, place: str) -> str:
        """`place` is table and column."""
        if not self.is_on:
            return text
        key = self._sealing()
        return key.prefix + _written(key.seal(text.encode("utf-8", "surrogatepass"), place))

    def open(self, text: str, place: str) -> str:
        """The text that was sealed; any other as it is. Raises `Unreadable`."""
        if not text.startswith(MARK):
            return text
        key = self._key_of(text[:PREFIX_LENGTH])
        try:
            body = _read(text[PREFIX_LENGTH:])
        except ValueError:
            raise damaged(place) from None
        return key.open(body, place).decode("utf-8", "surrogatepass")

    def seal_bytes(self, plain: bytes, place: str) -> bytes:
        if not self.is_on:
            return plain
        key = self._sealing()
        return key.prefix.encode() + key.seal(plain, place)

    def open_bytes(self, sealed: bytes, place: str) -> bytes:
        """The bytes that were sealed; any other as they are. Raises `Unreadable`."""
        if not sealed.startswith(MARK.encode()):
            return sealed
        key = self._key_of(sealed[:PREFIX_LENGTH].decode("ascii", "replace"))
        return key.open(sealed[PREFIX_LENGTH:], place)

    def _sealing(self) -> DataKey:
        assert self._writing is not None, "Database.write() prepares the vault"
        return self._writing

    def _key_of(self, prefix: str) -> DataKey:
        return self._known.get(prefix) or self._find(prefix)

    def wrap_anew(self, key: Wrapped) -> Wrapped | None:
        """The data key wrapped by the newest master key; None where it cannot be opened."""
        master = self._masters.get(key.master_id)
        if master is None or self._newest is None:
            return None
        return _wrap(key.id, _unwrap(key, master), self._newest)

    def _new_key(self, master: MasterKey) -> DataKey:
        key_id, secret = os.urandom(ID_BYTES).hex(), os.urandom(32)
        self._store.add(_wrap(key_id, secret, master))
        key = DataKey(key_id, secret)
        self._known[key.prefix] = key
        return key

    def _find(self, prefix: str) -> DataKey:
        with self._finding:
            for wrapped in self._store.every():
                master = self._masters.get(wrapped.master_id)
                if prefix_of(wrapped.id) == prefix and master is None:
                    raise missing(wrapped.master_id)
                if master is not None and prefix_of(wrapped.id) not in self._known:
                    self._known[prefix_of(wrapped.id)] = DataKey(wrapped.id, _unwrap(wrapped, master))
        if prefix not in self._known:
            raise Unreadable(f"a value names data key {prefix[len(MARK) : -1]}, which the database does not have")
        return self._known[prefix]


def prefix_of(key_id: str) -> str:
    """How values that this data key has sealed begin."""
    return f"{MARK}{key_id}$"


def damaged(place: str) -> Unreadable:
    return Unreadable(f"a value of {place} is not what was sealed there: it was damaged or moved")


def missing(*master_ids: str) -> Unreadable:
    """The error for master keys that are not set."""
    many = "keys" if len(master_ids) > 1 else "key"
    told = f"contents are encrypted with {many} {', '.join(master_ids)}, which {SETTING} does not have"
    return Unreadable(f"{told}; add what is missing", key_ids=list(master_ids))


def _wrap(key_id: str, secret: bytes, master: MasterKey) -> Wrapped:
    nonce = os.urandom(NONCE)
    body = nonce + _wrapper(master).encrypt(nonce, secret, key_id.encode())
    return Wrapped(key_id, master.id, _written(body))


def _unwrap(key: Wrapped, master: MasterKey) -> bytes:
    from cryptography.exceptions import InvalidTag

    try:
        body = _read(key.wrapped)
        return _wrapper(master).decrypt(body[:NONCE], body[NONCE:], key.id.encode())
    except (InvalidTag, ValueError):
        raise Unreadable(f"data key {key.id} does not open with key {master.id}: its row was damaged") from None


def _written(body: bytes) -> str:
    return b2a_base64(body, newline=False).decode("ascii")


def _read(text: str) -> bytes:
    return a2b_base64(text, strict_mode=True)


def _wrapper(master: MasterKey) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(master.derive("data keys"))
