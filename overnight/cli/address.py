"""Where the server is and with which key: what was given, else the environment, else the stack that runs here."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from overnight.cli.exits import CliError, Code

CLIENT_FILE = "client.json"
REMEDY = "start it with 'overnight up', or set OVERNIGHT_URL and OVERNIGHT_API_KEY"


@dataclass(frozen=True)
class Address:
    base_url: str
    key: str = field(repr=False)


def find_address(url: str | None, key: str | None, data_dir: Path | None) -> Address:
    """Raises CliError with the remedy when there is no server or no key for it."""
    here = local_address(data_dir or local_data_dir())
    wanted = url or variable("OVERNIGHT_URL")
    if wanted is None and here is None:
        raise CliError(f"no running Overnight found: {REMEDY}", Code.UNREACHABLE)
    if wanted is None and here:
        return Address(here.base_url, key or here.key)
    base_url = _checked(wanted or "")
    # The local stack's key is for the local stack alone.
    known = key or variable("OVERNIGHT_API_KEY") or (here.key if here and here.base_url == base_url else None)
    if known is None:
        raise CliError(f"no API key for {base_url}: set OVERNIGHT_API_KEY to one made by 'overnight keys create'")
    return Address(base_url, known)


def local_address(data_dir: Path) -> Address | None:
    """What the stack that was started last on this directory left for its clients."""
    try:
        told = json.loads((data_dir / CLIENT_FILE).read_text(encoding="utf-8"))
        return Address(str(told["base_url"]), str(told["key"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def local_data_dir() -> Path:
    """As `Settings` finds it, without the time that loading them takes."""
    return Path(variable("OVERNIGHT_DATA_DIR") or ".overnight")


def variable(name: str) -> str | None:
    """From the environment, else from `.env`; an empty one counts as not set."""
    return os.environ.get(name) or _dotenv().get(name) or None


@cache
def _dotenv() -> Mapping[str, str | None]:
    if not Path(".env").is_file():
        return {}
    from dotenv import dotenv_values

    return dotenv_values(".env")


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise CliError(f"'{url}' is no address: give one like http://127.0.0.1:8000 in OVERNIGHT_URL or --url")
    return url.rstrip("/")
