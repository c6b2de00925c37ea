"""The settings of a process that is one part of Overnight: completed, checked, and put into its environment."""

import os

from overnight.cli.exits import CliError, Code
from overnight.cli.local import read_settings
from overnight.settings import Settings
from overnight.stack.embedded_redis import running_url
from overnight.stack.environment import inherited
from overnight.stack.lock import holder


def settle(**given: object) -> Settings:
    """What is loaded from here on reads the same settings. Raises CliError where something is missing."""
    # Celery lets its own variables take the place of the app's broker; they are meant for another program.
    for name in [name for name in os.environ if name.startswith("CELERY_")]:
        del os.environ[name]
    settings = read_settings(**given)
    settings = read_settings(**given, redis_url=settings.redis_url or _redis_of_the_stack(settings))
    os.environ.update(inherited(settings))
    return settings


def need_claude(settings: Settings) -> None:
    """A worker alone starts no simulator, and must not call Claude without a key."""
    if settings.is_simulated and not settings.anthropic_base_url:
        remedy = "run 'overnight sim' and set OVERNIGHT_ANTHROPIC_BASE_URL to its address"
        raise CliError(f"no Claude to ask: set ANTHROPIC_API_KEY, or to try without one {remedy}")


def _redis_of_the_stack(settings: Settings) -> str:
    url = running_url(settings.data_dir) if holder(settings.data_dir) else None
    if url is None:
        remedy = "set OVERNIGHT_REDIS_URL, or run 'overnight up', which brings its own"
        raise CliError(f"no Redis: {remedy}", Code.UNREACHABLE)
    return url
