"""Who asks: an API key opens a workspace. Keys are kept as hashes, here as in the database."""

import threading
import time

import structlog
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from overnight.errors import Unauthenticated, Unreadable
from overnight.store import keys
from overnight.store.database import Database
from overnight.store.keys import Opened

log = structlog.get_logger(__name__)

BOOTSTRAP = "bootstrap"
MOST_REMEMBERED = 10_000
GUARDED = ("/v1/", "/metrics")


class KeyRing:
    """Looks keys up, and remembers the good ones for `seconds`: so long does a revoked key still work."""

    def __init__(self, database: Database, seconds: float, bootstrap: str | None) -> None:
        self._database = database
        self._seconds = seconds
        self._bootstrap = bootstrap
        self._known: dict[str, tuple[Opened, float]] = {}
        self._lock = threading.Lock()

    async def opened_by(self, secret: str) -> Opened:
        """Raises `Unauthenticated`."""
        known = self._known.get(keys.fingerprint(secret))
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        return await run_in_threadpool(self._look_up, secret)

    def admit_bootstrap(self) -> None:
        """Makes the key of the settings a valid one, once; while the database is away, at the next call."""
        with self._lock:
            if self._bootstrap is None:
                return
            try:
                with self._database.write() as connection:
                    keys.add(connection, BOOTSTRAP, self._bootstrap)
            except IntegrityError:
                pass  # another API process was quicker
            except (SQLAlchemyError, Unreadable) as error:
                log.warning("bootstrap_key_waits", error=type(error).__name__)
                return
            self._bootstrap = None

    def _look_up(self, secret: str) -> Opened:
        if self._bootstrap is not None:
            self.admit_bootstrap()
        with self._database.read() as connection:
            opened = keys.opened_by(connection, secret)
        if opened is None:
            self._known.pop(keys.fingerprint(secret), None)
            raise Unauthenticated
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[keys.fingerprint(secret)] = (opened, time.monotonic() + self._seconds)
        return opened


class Authenticate:
    """Lets nobody past what is guarded without a key, before anything of the body is read."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(GUARDED):
            secret = secret_of(Headers(scope=scope))
            opened = await scope["state"]["parts"].keys.opened_by(secret)
            scope["state"] |= {"workspace_id": opened.workspace_id, "key_id": opened.key_id}
        await self.app(scope, receive, send)


def secret_of(headers: Headers) -> str:
    """From `Authorization: Bearer` or `x-api-key`. Raises `Unauthenticated`."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    secret = token.strip() if scheme.lower() == "bearer" else ""
    secret = secret or headers.get("x-api-key", "")
    if not secret:
        raise Unauthenticated
    return secret
