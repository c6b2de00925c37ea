"""The keys of encryption by command line, in this process: what they do to a live server stands in tests/process."""

from collections.abc import Callable

import pytest
import typer

from overnight.cli.check_encryption import check_encryption
from overnight.cli.exits import CliError, Code
from overnight.cli.main import app
from overnight.settings import Settings

SETTING = "OVERNIGHT_ENCRYPTION_KEYS"

Run = Callable[..., str]


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command with these keys set, on a database of the test's own; gives all that it prints."""
    monkeypatch.setenv("OVERNIGHT_DATABASE_URL", database_url)

    def made(*arguments: str, keys: str = "") -> str:
        monkeypatch.setenv(SETTING, keys)
        typer.main.get_command(app).main(["keys", *arguments], prog_name="overnight", standalone_mode=False)
        said = capsys.readouterr()
        return said.err + said.out

    return made


@pytest.fixture
def doctor(database_url: str) -> Callable[[str], list[tuple[str, str]]]:
    def look(keys: str) -> list[tuple[str, str]]:
        settings = Settings(database_url=database_url, encryption_keys=keys)
        return [(str(found.verdict), found.detail) for found in check_encryption(settings)]

    return look


def new_key(run: Run) -> tuple[str, str]:
    """The key and its id, as a person sees them."""
    told, key = run("new-encryption").strip().rsplit("\n", 1)
    assert SETTING in told
    return key, told.split()[1].rstrip(":")


def test_from_a_new_key_to_doctor(run: Run, doctor: Callable[[str], list[tuple[str, str]]]) -> None:
    (old, old_id), (new, new_id) = new_key(run), new_key(run)
    assert doctor("")[0][1].startswith("off")
    with pytest.raises(CliError, match="new-encryption"):
        run("rotate-encryption")
    assert f"only key {old_id} is needed" in run("rotate-encryption", keys=old)
    assert doctor(old) == [("ok", f"contents are written with key {old_id}")]
    assert doctor(f"{new},{old}")[1] == ("warn", f"older ones are set: {old_id}")
    for keys in ("", new):
        ((verdict, detail),) = doctor(keys)
        assert (verdict, old_id in detail) == ("fail", True)
    with pytest.raises(CliError, match=f"key {old_id}, which {SETTING} does not have") as refused:
        run("rotate-encryption", keys=new)
    assert refused.value.code == Code.UNREACHABLE
    run("rotate-encryption", keys=f"{new},{old}")
    assert doctor(new) == [("ok", f"contents are written with key {new_id}")]


def test_a_lost_key_is_given_up_only_on_purpose(run: Run, doctor: Callable[[str], list[tuple[str, str]]]) -> None:
    key, key_id = new_key(run)
    run("rotate-encryption", keys=key)
    with pytest.raises(CliError, match="add --yes"):
        run("forget-encryption", key_id)
    assert doctor("")[0][0] == "fail"
    assert "is forgotten" in run("forget-encryption", key_id, "--yes")
    assert doctor("")[0][0] == "ok"
    with pytest.raises(CliError, match="doctor"):
        run("forget-encryption", key_id, "--yes")


def test_a_wrong_key_is_named_and_not_shown(run: Run) -> None:
    with pytest.raises(CliError, match=f"{SETTING}: .*number 1 is not a key") as told:
        run("list", keys="hush-hush")
    assert "hush-hush" not in str(told.value)


def test_doctor_leaves_a_database_that_is_away_to_its_own_check() -> None:
    away = Settings(database_url="postgresql://user:hidden@127.0.0.1:9/x")
    assert list(check_encryption(away)) == []
