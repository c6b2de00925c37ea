"""docker-compose.yml as Docker reads it: anchors merged, `${…}` filled in, bare variables taken from outside."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docker-compose.yml"
VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<how>[-?])(?P<what>[^}]*))?\})")

Service = dict[str, Any]


class Missing(Exception):
    """A variable that must be set is not: what Compose would say."""


def text() -> str:
    return FILE.read_text(encoding="utf-8")


def raw() -> dict[str, Any]:
    """Merged, but with its variables as they are written."""
    document: dict[str, Any] = yaml.safe_load(text())
    return document


def services(given: Mapping[str, str]) -> dict[str, Service]:
    """With the variables of `given`; raises `Missing`."""
    return {name: _service(service, given) for name, service in raw()["services"].items()}


def variables() -> set[str]:
    """All that are filled in or passed through."""
    written = {match["name"] for match in VARIABLE.finditer(text()) if match["name"]}
    passed = {name for service in raw()["services"].values() for name in _passed(service.get("environment") or {})}
    return written | passed


def _service(service: Service, given: Mapping[str, str]) -> Service:
    environment = dict(service.get("environment") or {})
    outside = {name: given[name] for name in _passed(environment) if name in given}
    inside = {name: value for name, value in environment.items() if value is not None}
    filled: Service = _filled({**service, "environment": inside}, given)
    return {**filled, "environment": {**filled["environment"], **outside}}


def _passed(environment: Mapping[str, str | None]) -> set[str]:
    return {name for name, value in environment.items() if value is None}


def _filled(value: Any, given: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, given) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, given) for one in value]
    return VARIABLE.sub(lambda match: _value(match, given), value) if isinstance(value, str) else value


def _value(match: re.Match[str], given: Mapping[str, str]) -> str:
    if match["name"] is None:
        return "$"
    value = given.get(match["name"], "")
    if value or match["how"] is None:
        return value
    if match["how"] == "?":
        raise Missing(f"{match['name']}: {match['what']}")
    return str(match["what"])
