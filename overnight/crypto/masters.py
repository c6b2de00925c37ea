"""Master keys, as the setting holds them: they wrap data keys, and seal what passes through Redis."""

import base64
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Self

SETTING = "OVERNIGHT_ENCRYPTION_KEYS"
PREFIX = "overnight-key-"
WRITTEN = re.compile(rf"{PREFIX}([A-Za-z0-9_-]{{43}})")


@dataclass(frozen=True, slots=True)
class MasterKey:
    """32 random bytes. `id` follows from them, so that a value can name its key and a person can recognise it."""

    id: str
    secret: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `ValueError`, which never quotes `text`."""
        match = WRITTEN.fullmatch(text)
        if match is None:
            raise ValueError("is not a key of 'overnight keys new-encryption'")
        secret = base64.urlsafe_b64decode(match[1] + "=")
        return cls(hmac.digest(secret, b"id", "sha256")[:4].hex(), secret)

    def derive(self, purpose: str, salt: bytes = b"") -> bytes:
        """A key for one purpose; knowing it says nothing about this one."""
        return hmac.digest(self.secret, purpose.encode() + b"\0" + salt, "sha256")


def new_text() -> str:
    """A key as the setting takes it."""
    return PREFIX + secrets.token_urlsafe(32)


def read(setting: str) -> tuple[MasterKey, ...]:
    """The keys of the setting, newest first. Raises `ValueError` that says which one is wrong."""
    masters = []
    for place, text in enumerate((part.strip() for part in setting.split(",") if part.strip()), 1):
        try:
            masters.append(MasterKey.parse(text))
        except ValueError as error:
            raise ValueError(f"number {place} {error}; separate keys with commas, newest first") from None
    return tuple(masters)
