"""`doctor` on this host: versions and limits."""

import platform
import resource
from collections.abc import Iterator
from importlib.metadata import version

from overnight import __version__
from overnight.cli.findings import Finding, ok, warn
from overnight.settings import Settings

PACKAGES = ("anthropic", "celery", "redis", "sqlalchemy")
FILES_PER_TURN = 2  # its connection to Claude, and room for its neighbours'
FILES_BESIDES = 200


def check_versions(settings: Settings) -> Iterator[Finding]:
    told = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    yield ok("versions", f"overnight {__version__}, python {platform.python_version()}, {told}")


def check_open_files(settings: Settings) -> Iterator[Finding]:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.concurrency * FILES_PER_TURN + FILES_BESIDES
    shown = "no limit" if limit == resource.RLIM_INFINITY else limit
    told = f"{shown}; {settings.concurrency} turns at a time want {wanted}"
    if limit == resource.RLIM_INFINITY or limit >= wanted:
        yield ok("open files", told)
    else:
        yield warn("open files", told, f"'ulimit -n {wanted}' before the start, or a smaller OVERNIGHT_CONCURRENCY")
