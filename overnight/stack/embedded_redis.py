"""The Redis of a stack that was given none: append-only file in the data directory, loopback, random password."""

import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from overnight.stack.child import Child
from overnight.stack.ports import LOOPBACK, free_port
from overnight.stack.private_files import private_directory, write_private
from overnight.stack.ready import redis_answers
from overnight.stack.redis_binary import RedisBinary, find_redis

CONFIG_NAME = "redis.conf"
# Paths are relative to the working directory, so none needs quoting.
CONFIG = """\
# Written by Overnight at every start. The password is below: keep this file to yourself.
bind {host}
port {port}
protected-mode yes
requirepass {password}
daemonize no
dir .
pidfile redis.pid
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
always-show-logo no
"""


@dataclass(frozen=True)
class EmbeddedRedis:
    """Port and password hold for one run of the stack; the port of the run before is taken again if it is free."""

    binary: RedisBinary
    directory: Path
    port: int
    password: str = field(repr=False)

    @classmethod
    def prepare(cls, data_dir: Path, binary: RedisBinary | None = None) -> Self:
        """Finds a server and writes its configuration. Raises NoRedis."""
        found = binary or find_redis()
        directory = private_directory(data_dir.resolve() / "redis")
        port = free_port(preferred=_port_before(directory))
        redis = cls(found, directory, port, secrets.token_hex(24))
        write_private(directory / CONFIG_NAME, CONFIG.format(host=LOOPBACK, port=port, password=redis.password))
        return redis

    @property
    def url(self) -> str:
        return _url(self.port, self.password)

    def child(self) -> Child:
        return Child(
            name="redis",
            argv=(str(self.binary.path), CONFIG_NAME),
            cwd=self.directory,
            umask=0o077,
            ready=redis_answers(self.port, self.password),
            hint=f"SQL holds all that counts: deleting {self.directory} loses nothing",
        )


def running_url(data_dir: Path) -> str | None:
    """The address, with its password, of the embedded Redis that was last started for this directory."""
    config = _config(data_dir / "redis")
    port, password = _value("port", config), _value("requirepass", config)
    return _url(int(port), password) if port and password else None


def _url(port: int, password: str) -> str:
    return f"redis://:{password}@{LOOPBACK}:{port}/0"


def _port_before(directory: Path) -> int | None:
    port = _value("port", _config(directory))
    return int(port) if port else None


def _config(directory: Path) -> str:
    path = directory / CONFIG_NAME
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _value(name: str, config: str) -> str | None:
    match = re.search(rf"^{name} (\w+)$", config, re.MULTILINE)
    return match[1] if match else None
