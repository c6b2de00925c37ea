"""How people and programs of this machine get into its stack: the first key, Flower's password, `client.json`."""

import json
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from overnight.cli.address import CLIENT_FILE, Address
from overnight.cli.local import open_database
from overnight.cli.output import note
from overnight.settings import Settings
from overnight.stack.private_files import private_directory, write_private
from overnight.store import keys

LOCAL_KEY = "local-cli"
FIRST_KEY = "first-up"
FLOWER_USER = "overnight"
FLOWER_FILE = "flower-login"


class LocalAccess:
    """A key for the CLI on this machine: made when the stack is up, worth nothing once the `with` block is left."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._file = settings.data_dir / CLIENT_FILE
        # By directory, because stacks of several machines may share one database.
        self._name = f"{LOCAL_KEY} {settings.data_dir.resolve()}"
        self._granted = False

    def grant(self, base_url: str) -> Address:
        """Revokes what a stack that was killed left valid."""
        address = Address(base_url, keys.new_secret())
        with open_database(self._settings) as database, database.write() as connection:
            keys.revoke_named(connection, self._name)
            keys.add(connection, self._name, address.key)
        self._granted = True
        write_private(self._file, json.dumps({"base_url": base_url, "key": address.key}) + "\n")
        return address

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._granted:
            return
        self._file.unlink(missing_ok=True)
        try:
            with open_database(self._settings) as database, database.write() as connection:
                keys.revoke_named(connection, self._name)
        except Exception as failure:
            note(f"the key of this stack's client is revoked at the next start ({failure})")


def first_key(settings: Settings) -> str | None:
    """A key for the user where there is none yet: shown once, kept as a hash."""
    if settings.api_key is not None:
        return None
    with open_database(settings) as database, database.write() as connection:
        if any(not key.name.startswith(LOCAL_KEY) for key in keys.every_key(connection)):
            return None
        secret = keys.new_secret()
        keys.add(connection, FIRST_KEY, secret)
    return secret


def with_flower_login(settings: Settings) -> Settings:
    """The settings with Flower's `user:password`: the one that is set, else this directory's own."""
    if settings.flower_basic_auth is not None and settings.flower_basic_auth.get_secret_value():
        return settings
    login = _own_login(private_directory(settings.data_dir.resolve()) / FLOWER_FILE)
    return settings.model_copy(update={"flower_basic_auth": SecretStr(login)})


def _own_login(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        login = f"{FLOWER_USER}:{secrets.token_urlsafe(18)}"
        write_private(path, login + "\n")
        return login
