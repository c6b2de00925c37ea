"""What the stack is made of: embedded parts where nothing is set, settings by environment, no secret in sight."""

import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from stack_support import FAST, STAYS

from overnight.settings import Settings
from overnight.stack.child import Child
from overnight.stack.environment import inherited
from overnight.stack.errors import PortTaken
from overnight.stack.plan import Parts, Plan, plan_stack
from overnight.stack.ports import STABLE_PORTS, free_port, http_url
from overnight.stack.ready import http_answers
from overnight.stack.stack import Stack

SECRETS = {
    "anthropic_api_key": "sk-ant-very-secret",
    "api_key": "admin-secret",
    "flower_basic_auth": "me:flower-secret",
}
EPHEMERAL = Parts(ephemeral=True)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("OVERNIGHT_", "ANTHROPIC_"))]:
        monkeypatch.delenv(name)


def settings_in(data_dir: Path, **given: object) -> Settings:
    """By environment, because a Settings field with an alias is not taken by its name."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            alias = Settings.model_fields[name].validation_alias
            patch.setenv(alias if isinstance(alias, str) else f"OVERNIGHT_{name.upper()}", str(value))
        return Settings(data_dir=data_dir, _env_file=None)


def named(plan: Plan, name: str) -> Child:
    return next(child for child in plan.children if child.name == name)


def names(plan: Plan) -> list[str]:
    return [child.name for child in plan.children]


def redis_password(plan: Plan) -> str:
    password = urlsplit(plan.environment["OVERNIGHT_REDIS_URL"]).password
    assert password
    return password


def test_everything_is_embedded_where_nothing_is_set(tmp_path: Path) -> None:
    plan = plan_stack(settings_in(tmp_path), Parts(workers=2, ephemeral=True))
    assert names(plan) == ["migrate", "redis", "simulator", "api", "worker1", "worker2", "beat", "flower"]
    assert plan.simulated
    assert plan.environment["OVERNIGHT_DATABASE_URL"] == f"sqlite:///{tmp_path}/overnight.db"
    assert plan.environment["OVERNIGHT_REDIS_URL"].startswith("redis://:")
    simulator_port = named(plan, "simulator").argv[named(plan, "simulator").argv.index("--port") + 1]
    assert plan.environment["OVERNIGHT_ANTHROPIC_BASE_URL"] == f"http://127.0.0.1:{simulator_port}"


def test_what_is_set_is_not_embedded(tmp_path: Path) -> None:
    given = {"redis_url": "redis://elsewhere/3", "database_url": "postgresql://db/x", "anthropic_api_key": "sk-ant-x"}
    plan = plan_stack(settings_in(tmp_path, **given), Parts(api=False, beat=False, flower=False, concurrency=7))
    assert names(plan) == ["migrate", "worker1"]
    assert (plan.base_url, plan.flower_url, plan.simulated) == (None, None, False)
    told = named(plan, "worker1").env or {}
    assert told["OVERNIGHT_REDIS_URL"] == "redis://elsewhere/3"
    assert told["OVERNIGHT_DATABASE_URL"] == "postgresql+psycopg://db/x"
    assert told["OVERNIGHT_CONCURRENCY"] == "7"
    assert "OVERNIGHT_ANTHROPIC_BASE_URL" not in told


@pytest.mark.parametrize(("asked", "has_key", "runs"), [(None, True, False), (None, False, True), (True, True, True)])
def test_the_simulator_runs_without_a_key_or_when_asked(
    tmp_path: Path, *, asked: bool | None, has_key: bool, runs: bool
) -> None:
    settings = settings_in(tmp_path, **({"anthropic_api_key": "sk-ant-x"} if has_key else {}))
    plan = plan_stack(settings, replace(EPHEMERAL, simulator=asked))
    assert ("simulator" in names(plan), plan.simulated) == (runs, runs)


def test_a_child_reads_the_settings_its_parent_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_in(tmp_path / "données", **SECRETS, lease_ttl="12.5", log_level="DEBUG", max_tokens="9")
    for name, value in inherited(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings(_env_file=None) == settings


def test_children_start_elsewhere_and_still_mean_the_same_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = plan_stack(settings_in(Path("relative")), EPHEMERAL)
    assert plan.environment["OVERNIGHT_DATA_DIR"] == str(tmp_path / "relative")


def test_a_proxy_is_not_asked_for_our_own_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "corp.example")
    environment = inherited(settings_in(tmp_path))
    assert environment["NO_PROXY"] == environment["no_proxy"] == "corp.example,127.0.0.1,localhost,::1"


def test_secrets_go_to_those_who_need_them(tmp_path: Path) -> None:
    plan = plan_stack(settings_in(tmp_path, **SECRETS), replace(EPHEMERAL, simulator=True))
    told = {child.name: " ".join((child.env or {}).values()) for child in plan.children}
    password = redis_password(plan)
    assert "sk-ant-very-secret" in told["worker1"]
    assert "sk-ant-very-secret" not in told["flower"]
    assert password in told["flower"]
    assert not [word for word in [*SECRETS.values(), password] if word in told["simulator"] + told["redis"]]


def test_no_secret_is_on_any_command_line(tmp_path: Path, running_in_name: Plan) -> None:
    password = redis_password(running_in_name)
    folder = str(tmp_path)  # other tests in this process may have servers of their own
    processes = [
        process
        for process in psutil.Process().children(recursive=True)
        if folder in " ".join([*process.environ().values(), *process.cmdline(), process.cwd()])
    ]
    lines = [Path(f"/proc/{process.pid}/cmdline").read_text() for process in processes]
    assert len(lines) == 8, "guardian, redis, simulator, api, two workers, beat, flower"
    assert not [secret for secret in [*SECRETS.values(), password] for line in lines if secret in line]
    assert any("worker2" in line for line in lines)
    shown = repr(running_in_name) + (tmp_path / "stack.json").read_text() + (tmp_path / "lock").read_text()
    assert not [secret for secret in [*SECRETS.values(), password] if secret in shown]


@pytest.fixture
def running_in_name(tmp_path: Path) -> Iterator[Plan]:
    """The real plan with its real Redis; a stand-in runs in place of the others, with their arguments."""

    def planner(settings: Settings, parts: Parts) -> Plan:
        plan = plan_stack(settings, parts)
        return replace(plan, children=tuple(stand_in(child) for child in plan.children if child.name != "migrate"))

    def stand_in(child: Child) -> Child:
        argv = (sys.executable, "-S", "-c", STAYS, child.name, str(tmp_path / "journal"), *child.argv)
        return child if child.name == "redis" else replace(child, argv=argv, ready=None)

    settings = settings_in(tmp_path, **SECRETS)
    parts = Parts(workers=2, simulator=True, ephemeral=True)
    with Stack(settings, parts, planner=planner, patience=FAST) as stack:
        yield stack.plan


def test_the_simulator_answers_before_the_stack_is_ready(tmp_path: Path) -> None:
    def planner(settings: Settings, parts: Parts) -> Plan:
        plan = plan_stack(settings, parts)
        return replace(plan, children=(named(plan, "redis"), named(plan, "simulator")))

    with Stack(settings_in(tmp_path), EPHEMERAL, planner=planner) as stack:
        assert http_answers(f"{stack.plan.environment['OVERNIGHT_ANTHROPIC_BASE_URL']}/v1/models")()


def test_a_port_that_is_taken_is_named_with_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(
            PortTaken, match=f"^cannot listen on 127.0.0.1 port {port}: .*set OVERNIGHT_PORT to another"
        ):
            plan_stack(settings_in(tmp_path, port=port), Parts(flower=False))
        with pytest.raises(PortTaken, match="OVERNIGHT_FLOWER_PORT"):
            plan_stack(settings_in(tmp_path, flower_port=port), Parts(api=False))
        assert plan_stack(settings_in(tmp_path, port=port), EPHEMERAL).base_url != http_url("127.0.0.1", port)


def test_ports_lie_where_no_outgoing_connection_takes_them() -> None:
    assert free_port() in STABLE_PORTS
    assert free_port(preferred=(wish := free_port())) == wish
    assert free_port(preferred=wish, avoid={wish}) != wish


@pytest.mark.parametrize(
    ("host", "url"), [("0.0.0.0", "http://127.0.0.1:80"), ("::", "http://[::1]:80"), ("box", "http://box:80")]
)
def test_the_address_is_one_a_client_on_this_machine_can_use(host: str, url: str) -> None:
    assert http_url(host, 80) == url
