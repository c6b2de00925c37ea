"""How settings reach children: by environment, never on the command line, and secrets only to those who need them."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from overnight.settings import Settings

LOOPBACK_HOSTS = "127.0.0.1,localhost,::1"
# Beyond what Settings declares secret: addresses that may hold a password, and the SDK's other credential.
ALSO_SECRET = ("OVERNIGHT_DATABASE_URL", "OVERNIGHT_REDIS_URL", "ANTHROPIC_AUTH_TOKEN")


def inherited(settings: Settings) -> dict[str, str]:
    """This process's environment with every setting that was given, from wherever: the child reads what we read."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    told = {variable(name): _text(value) for name, value in given.items() if value is not None}
    return {**os.environ, **told, "PYTHONUNBUFFERED": "1", **_direct_loopback(os.environ)}


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """For children that need none."""
    secret = [variable(name) for name, field in Settings.model_fields.items() if _is_secret(field)]
    return without(environment, *secret, *ALSO_SECRET)


def without(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    # Whatever the case: Settings reads its variables so.
    return {name: value for name, value in environment.items() if name.upper() not in names}


def variable(name: str) -> str:
    """The environment variable that says a setting."""
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else f"OVERNIGHT_{name.upper()}"


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value.resolve()) if isinstance(value, Path) else str(value)


def _is_secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation)


def _direct_loopback(environment: Mapping[str, str]) -> dict[str, str]:
    """A proxy for the outside must not be asked for our own servers."""
    named = environment.get("NO_PROXY") or environment.get("no_proxy")
    exempt = f"{named},{LOOPBACK_HOSTS}" if named else LOOPBACK_HOSTS
    return {"NO_PROXY": exempt, "no_proxy": exempt}
