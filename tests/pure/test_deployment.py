"""What is deployed is what there is: commands, settings, health checks and denials, in compose file and image."""

import re
import subprocess
from pathlib import Path

import pytest
import typer

from overnight.settings import Settings
from overnight.stack.environment import variable
from overnight.tools.workspaces import workspace_of
from tests import compose, image
from tests.command_line import options_of
from tests.compose import ROOT, Missing, Service

GIVEN = {
    "ANTHROPIC_API_KEY": "for-claude",
    "OVERNIGHT_API_KEY": "for-programs",
    "OVERNIGHT_FLOWER_BASIC_AUTH": "user:password",
    "POSTGRES_PASSWORD": "of-postgres",
    "REDIS_PASSWORD": "of-redis",
}
#: Said by `overnight up` to its processes, never by a person.
INTERNAL = {"OVERNIGHT_SIMULATED"}
SETTINGS = {variable(name): field for name, field in Settings.model_fields.items() if variable(name) not in INTERNAL}
SECRET = {name for name, field in SETTINGS.items() if "SecretStr" in str(field.annotation)}
#: A container's directory is read-only and its neighbours are named by compose, so these are not the user's to set.
FIXED = {"OVERNIGHT_DATA_DIR", "OVERNIGHT_DATABASE_URL", "OVERNIGHT_REDIS_URL"}
OF_COMPOSE = {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}
OF_CLIENTS = {"OVERNIGHT_URL", "OVERNIGHT_DEBUG"}
RUNS_ONCE = "migrate"

SERVICES = compose.services(GIVEN)
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "overnight:local"}
WORKERS = {name: service for name, service in OURS.items() if service["command"][1] == "worker"}
EXAMPLE = re.findall(r"^# ?([A-Z][A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)


def each(services: dict[str, Service]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("service", services.values(), ids=services)


def test_every_part_is_there() -> None:
    assert set(SERVICES) == {"postgres", "redis", "migrate", "api", "worker1", "worker2", "beat", "flower"}


# Commands


@each(OURS)
def test_commands_are_command_lines_of_ours(service: Service) -> None:
    program, *arguments = service["command"]
    assert program == "overnight"
    options_of(arguments)


def test_a_wrong_command_line_is_noticed() -> None:
    with pytest.raises(typer.TyperException, match="--nane"):
        options_of(["worker", "--nane", "worker1"])


@each(WORKERS)
def test_workers_keep_their_node_name(service: Service) -> None:
    assert options_of(service["command"][1:])["name"] == service["hostname"]


def test_workers_have_names_of_their_own() -> None:
    assert len({service["hostname"] for service in WORKERS.values()}) == len(WORKERS) == 2


# Settings


@each(OURS)
def test_services_are_told_nothing_but_settings(service: Service) -> None:
    assert set(service["environment"]) <= set(SETTINGS)


@pytest.mark.parametrize("name", sorted(set(SETTINGS) - SECRET - FIXED))
def test_every_setting_reaches_its_service(name: str) -> None:
    services = compose.services(GIVEN | {name: "123"})
    assert "123" in str([services[ours] for ours in OURS])


def test_services_understand_what_they_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _forget_settings(monkeypatch)
    for name, value in {**OURS["worker1"]["environment"], **OURS["api"]["environment"]}.items():
        monkeypatch.setenv(name, value)
    settings = Settings(_env_file=None)
    assert settings.sql_url == "postgresql+psycopg://overnight:of-postgres@postgres:5432/overnight"
    assert settings.redis_url == "redis://:of-redis@redis:6379/0"
    assert not settings.is_simulated


def test_the_example_has_every_setting_and_no_other() -> None:
    assert sorted(name for name, _ in EXAMPLE) == sorted({*SETTINGS, *OF_COMPOSE, *OF_CLIENTS})


def test_the_example_shows_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _forget_settings(monkeypatch)
    told = tmp_path / "told"
    told.write_text("\n".join(f"{name}={value}" for name, value in EXAMPLE if name not in SECRET), encoding="utf-8")
    assert Settings(_env_file=told).model_dump() == Settings(_env_file=None).model_dump()


def test_what_compose_wants_is_in_the_example() -> None:
    assert compose.variables() <= {name for name, _ in EXAMPLE}


# Secrets


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_a_secret_that_is_missing_is_asked_for(name: str) -> None:
    with pytest.raises(Missing, match=f"{name}: put .+ into .env"):
        compose.services({key: value for key, value in GIVEN.items() if key != name})


def test_no_secret_is_written_down() -> None:
    assert [value for name, value in EXAMPLE if name in SECRET | OF_COMPOSE and value] == []
    for name, service in compose.raw()["services"].items():
        for key, value in (service.get("environment") or {}).items():
            if key in SECRET | OF_COMPOSE and value is not None:  # one without a value is passed on as it is set
                assert value.startswith(f"${{{key}:?"), (name, key)


def test_secrets_go_only_where_they_are_needed() -> None:
    services = compose.services(GIVEN | {"OVERNIGHT_ENCRYPTION_KEYS": "for-contents"})
    holders = {secret: {name for name in OURS if secret in services[name]["environment"]} for secret in SECRET}
    assert holders == {
        "OVERNIGHT_ENCRYPTION_KEYS": {"api", *WORKERS},
        "ANTHROPIC_API_KEY": set(WORKERS),
        "OVERNIGHT_API_KEY": {"api"},
        "OVERNIGHT_FLOWER_BASIC_AUTH": {"flower"},
    }


def test_no_secret_is_on_a_command_line() -> None:
    assert not [value for value in GIVEN.values() for one in SERVICES.values() if value in str(one.get("command"))]


# Staying up, and going down


@each({name: service for name, service in SERVICES.items() if name != RUNS_ONCE})
def test_every_service_is_looked_after(service: Service) -> None:
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert service["deploy"]["resources"]["limits"]["memory"]


def test_migrate_runs_once_and_the_others_wait_for_it() -> None:
    assert SERVICES[RUNS_ONCE]["restart"] == "no"
    assert SERVICES[RUNS_ONCE]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("api", *WORKERS, "beat"):
        assert SERVICES[name]["depends_on"][RUNS_ONCE] == {"condition": "service_completed_successfully"}


@each(WORKERS)
def test_workers_are_given_the_time_to_drain(service: Service) -> None:
    settings = Settings(_env_file=None)
    assert int(service["stop_grace_period"].removesuffix("s")) > settings.drain_seconds + settings.shutdown_grace


def test_data_lives_in_named_volumes() -> None:
    document = compose.raw()
    used = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    assert used == set(document["volumes"])


def test_workers_share_the_files_of_sessions() -> None:
    for worker in WORKERS.values():
        (mount,) = worker["volumes"]
        folder = Path(mount.split(":")[1])
        assert folder == workspace_of(Path("/app") / Settings(_env_file=None).data_dir, "sesn_1").parent
        assert str(folder) in " ".join(image.instructions("RUN"))


def test_redis_keeps_what_it_is_told_and_refuses_rather_than_forgets() -> None:
    script = SERVICES["redis"]["command"][-1]
    for line in ("appendonly yes", "maxmemory-policy noeviction", "requirepass $REDIS_PASSWORD"):
        assert line in script.splitlines()


# What services are denied


@each(SERVICES)
def test_every_service_is_confined(service: Service) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert "cap_add" not in service


@each({name: service for name, service in SERVICES.items() if name not in OURS})
def test_servers_run_as_nobody_special(service: Service) -> None:
    assert _is_ordinary(service["user"])


@each(SERVICES)
def test_ports_are_open_on_this_host_alone(service: Service) -> None:
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_flower_stays_on_this_host_whatever_is_set() -> None:
    services = compose.services({**GIVEN, "OVERNIGHT_HOST": "0.0.0.0"})
    assert services["api"]["ports"] == ["0.0.0.0:8000:8000"]
    assert services["flower"]["ports"] == ["127.0.0.1:5555:5555"]


def test_postgres_and_redis_are_reached_from_inside_only() -> None:
    assert compose.raw()["networks"]["inside"]["internal"] is True
    for name in ("postgres", "redis"):
        assert SERVICES[name]["networks"] == ["inside"]
        assert "ports" not in SERVICES[name]


# The image


def test_the_image_runs_as_an_ordinary_user() -> None:
    assert _is_ordinary(image.instructions("USER")[-1])


def test_the_image_is_installed_from_the_lock() -> None:
    libraries, ourselves = image.install_steps()
    assert {"--locked", "--no-dev"} <= {*libraries} & {*ourselves}


def test_the_image_is_of_a_python_that_will_do() -> None:
    bases = {re.sub(" AS .*", "", base) for base in image.instructions("FROM")}
    (version,) = [re.fullmatch(r"python:3\.(\d+)-slim", base) for base in bases]
    assert version
    assert int(version[1]) >= 11


def test_the_last_stage_installs_nothing() -> None:
    last = image.DOCKERFILE.read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    assert not re.search(r"\b(pip|apt-get|uv|gcc)\b", last)


def test_the_image_takes_in_only_what_is_named() -> None:
    rules = [line for line in image.CONTEXT.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    assert rules[0] == "*"
    assert rules[-1] == "**/__pycache__"
    code = {"overnight", "api", "worker", "ops"}
    assert {*image.allowed()} == code | {"pyproject.toml", "uv.lock", "README.md", "LICENSE"}


# Continuous integration


def test_the_check_of_every_commit_is_a_sound_script() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o100
    subprocess.run(["bash", "-n", script], check=True)
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert re.findall(r"run: (.+)", workflow) == [".ci/run"]


def _is_ordinary(user: str) -> bool:
    return re.fullmatch(r"\d+:\d+", user) is not None and not user.startswith("0:")


def _forget_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
