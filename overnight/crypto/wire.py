"""Claude's words on their way through Redis: sealed where a key is set, each message with a key of its own."""

import base64
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from overnight.crypto.masters import MasterKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK = "$1$"
SALT = 16
ONCE = bytes(12)  # a nonce, for a key that seals one message


class Wire:
    """Seals with the newest master key, opens with any; `channel` is where a message may be read."""

    def __init__(self, masters: Sequence[MasterKey]) -> None:
        self._newest = masters[0] if masters else None
        self._masters = {master.id: master for master in masters}

    def seal(self, text: str, channel: str) -> str:
        if self._newest is None:
            return text
        salt = os.urandom(SALT)
        body = _cipher(self._newest, salt).encrypt(ONCE, text.encode(), channel.encode())
        return f"{MARK}{self._newest.id}${base64.b64encode(salt + body).decode('ascii')}"

    def open(self, text: str, channel: str) -> str | None:
        """None for what cannot be read here: the listener then looks into SQL, as after any hint."""
        if not text.startswith(MARK):
            return text
        from cryptography.exceptions import InvalidTag

        master_id, _, sealed = text.removeprefix(MARK).partition("$")
        master = self._masters.get(master_id)
        if master is None:
            return None
        try:
            body = base64.b64decode(sealed, validate=True)
            return _cipher(master, body[:SALT]).decrypt(ONCE, body[SALT:], channel.encode()).decode()
        except (InvalidTag, ValueError):
            return None


def _cipher(master: MasterKey, salt: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(master.derive("live words", salt))
