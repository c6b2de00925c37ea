"""The size rule finds what it is there to find."""

from pathlib import Path

from ops.sizes import too_long


def test_a_long_function_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "long.py"
    path.write_text("\n" + _function("fits", 60) + _function("does_not", 61))
    (complaint,) = too_long(path)
    assert complaint == f"{path}:62: does_not has 61 lines; at most 60"


def test_a_long_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "long.py"
    path.write_text("x = 1\n" * 400)
    assert list(too_long(path)) == []
    path.write_text("x = 1\n" * 401)
    assert [complaint.split(";")[0] for complaint in too_long(path)] == [f"{path}: 401 lines"]


def _function(name: str, lines: int) -> str:
    return f"def {name}():\n" + "    x = 1\n" * (lines - 1)
