"""The source distribution of the very SDK that uv.lock names, kept in a cache outside the project."""

import hashlib
import os
import subprocess
import tarfile
import tomllib
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[3]
VERSION = version("anthropic")
PIP = ["uv", "run", "--no-project", "--isolated", "--with", "pip", "python", "-m", "pip"]


class NoNetwork(Exception):
    """The registry could not be reached."""


def unpacked() -> Path:
    """The folder with the vendor's `tests`. Raises `NoNetwork`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "overnight-tests"
    folder, archive = cache / f"anthropic-{VERSION}", cache / f"anthropic-{VERSION}.tar.gz"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        if not archive.exists():
            _download(cache)
        assert hashlib.sha256(archive.read_bytes()).hexdigest() == _locked_hash(), "not the archive of uv.lock"
        with tarfile.open(archive) as tar:
            tar.extractall(cache, filter="data")
    return folder


def _download(cache: Path) -> None:
    wanted = ["--no-deps", "--no-binary", "anthropic", f"anthropic=={VERSION}", "-d", str(cache)]
    done = subprocess.run([*PIP, "download", "-q", *wanted], check=False, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise NoNetwork(done.stderr[-500:])


def _locked_hash() -> str:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    (package,) = (each for each in lock["package"] if each["name"] == "anthropic")
    assert package["version"] == VERSION, "run uv sync"
    return str(package["sdist"]["hash"].removeprefix("sha256:"))
