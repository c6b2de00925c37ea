"""What a stack consists of: which children, at which addresses, with which environment."""

import sys
from dataclasses import dataclass, field
from typing import Any

from overnight.settings import Settings
from overnight.stack.child import Child
from overnight.stack.embedded_redis import EmbeddedRedis
from overnight.stack.environment import inherited, without, without_secrets
from overnight.stack.errors import PortTaken
from overnight.stack.ports import LOOPBACK, free_port, http_url, is_free
from overnight.stack.ready import http_answers

SLACK = 5.0  # seconds beyond what a worker allows itself to drain and shut down


@dataclass(frozen=True)
class Parts:
    """Which parts to run here."""

    api: bool = True
    workers: int = 1
    concurrency: int | None = None  # turns at a time in each worker; None: as set
    beat: bool = True
    flower: bool = True
    simulator: bool | None = None  # None: when there is neither a key nor an address of one's own
    ephemeral: bool = False  # any free ports instead of those that are set


@dataclass(frozen=True)
class Plan:
    children: tuple[Child, ...]
    base_url: str | None = None  # None without an API
    flower_url: str | None = None
    simulated: bool = False
    environment: dict[str, str] = field(default_factory=dict, repr=False)  # with which a process joins this stack


@dataclass(frozen=True)
class _Places:
    """Where the parts listen; None for one that does not run here."""

    redis: EmbeddedRedis | None
    simulator: int | None
    api: int | None
    flower: int | None


def plan_stack(settings: Settings, parts: Parts) -> Plan:
    """Finds Redis where none is set, and free ports. Raises NoRedis and PortTaken."""
    places = _find_places(settings, parts)
    environment = inherited(settings) | _told(settings, parts, places)
    return Plan(
        children=_children(settings, parts, places, environment),
        base_url=http_url(settings.host, places.api) if places.api else None,
        flower_url=http_url(LOOPBACK, places.flower) if places.flower else None,
        simulated=places.simulator is not None,
        environment=environment,
    )


def _find_places(settings: Settings, parts: Parts) -> _Places:
    simulated = settings.is_simulated if parts.simulator is None else parts.simulator
    api = _port(settings.host, settings.port, parts, "OVERNIGHT_PORT") if parts.api else None
    flower = _port(LOOPBACK, settings.flower_port, parts, "OVERNIGHT_FLOWER_PORT") if parts.flower else None
    return _Places(
        redis=None if settings.redis_url else EmbeddedRedis.prepare(settings.data_dir),
        simulator=free_port() if simulated else None,
        api=api,
        flower=flower,
    )


def _port(host: str, wanted: int, parts: Parts, setting: str) -> int:
    if parts.ephemeral or wanted == 0:
        return free_port()
    if not is_free(wanted, host):
        raise PortTaken(f"cannot listen on {host} port {wanted}: it is taken or not ours; set {setting} to another")
    return wanted


def _told(settings: Settings, parts: Parts, places: _Places) -> dict[str, str]:
    """What children must know beyond the settings: where things are in this run."""
    told: dict[str, object] = {
        "OVERNIGHT_DATA_DIR": settings.data_dir.resolve(),
        "OVERNIGHT_DATABASE_URL": settings.sql_url,
        "OVERNIGHT_REDIS_URL": places.redis.url if places.redis else settings.redis_url,
    }
    if places.simulator:
        told |= {"OVERNIGHT_ANTHROPIC_BASE_URL": http_url(LOOPBACK, places.simulator), "OVERNIGHT_SIMULATED": 1}
    if places.api:
        told |= {"OVERNIGHT_HOST": settings.host, "OVERNIGHT_PORT": places.api}
    if places.flower:
        told |= {"OVERNIGHT_FLOWER_PORT": places.flower}
    if parts.concurrency:
        told |= {"OVERNIGHT_CONCURRENCY": parts.concurrency}
    return {name: str(value) for name, value in told.items()}


def _children(settings: Settings, parts: Parts, places: _Places, environment: dict[str, str]) -> tuple[Child, ...]:
    children = [_overnight("migrate", environment, once=True, umask=0o077)]
    if places.redis:
        children += [places.redis.child()]
    if places.simulator:
        children += [_simulator(places.simulator, environment)]
    if places.api:
        ready = http_answers(f"{http_url(settings.host, places.api)}/healthz")
        children += [_overnight("api", environment, ready=ready, after=("redis", "migrate"))]
    children += [_worker(number, settings, environment) for number in range(1, parts.workers + 1)]
    if parts.beat:
        children += [_overnight("beat", environment, after=("redis", "migrate"))]
    if places.flower:
        children += [
            _overnight(
                "flower", without(environment, "ANTHROPIC_API_KEY", "OVERNIGHT_ENCRYPTION_KEYS"), after=("redis",)
            )
        ]
    return tuple(children)


def _worker(number: int, settings: Settings, environment: dict[str, str]) -> Child:
    # The same node name after every restart: by it a worker knows, and frees, the leases of its dead predecessor.
    name = f"worker{number}"
    grace = settings.drain_seconds + settings.shutdown_grace + SLACK
    after = ("redis", "migrate", "simulator")
    return Child(name, _command("worker", "--name", name), environment, after=after, grace=grace)


def _simulator(port: int, environment: dict[str, str]) -> Child:
    argv = (sys.executable, "-P", "-m", "ops.simulator", "--port", str(port), "--no-record")
    return Child("simulator", argv, without_secrets(environment), ready=http_answers(http_url(LOOPBACK, port)))


def _overnight(command: str, environment: dict[str, str], **how: Any) -> Child:
    return Child(command, _command(command), environment, **how)


def _command(*arguments: str) -> tuple[str, ...]:
    # -P: a directory called `api` or `worker` where the user happens to stand must not be taken for ours.
    return (sys.executable, "-P", "-m", "overnight.cli.main", *arguments)
