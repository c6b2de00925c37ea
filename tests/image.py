"""The image of ops/images/Dockerfile without Docker: its own install steps, run in an empty environment."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tests.compose import ROOT

DOCKERFILE = ROOT / "ops/images/Dockerfile"
CONTEXT = ROOT / ".dockerignore"


def instructions(name: str) -> list[str]:
    """Those of one kind, each on one line."""
    joined = re.sub(r"\\\n", " ", DOCKERFILE.read_text(encoding="utf-8"))
    return re.findall(rf"^{name} (.+)$", joined, re.MULTILINE)


def install_steps() -> list[list[str]]:
    """What uv is told to do, first for the libraries, then for Overnight itself."""
    steps = [shlex.split(step) for step in instructions("RUN") if "uv sync" in step]
    return [[word for word in step if not word.startswith("--mount=")] for step in steps]


def allowed() -> list[str]:
    """What .dockerignore lets into the image."""
    lines = CONTEXT.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


def install(folder: Path) -> Path:
    """Runs the steps in `folder`; gives the directory of the programs."""
    source, environment = folder / "src", folder / "venv"
    source.mkdir()
    libraries, ourselves = install_steps()
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, source)
    _run(libraries, source, environment)
    for name in allowed():
        _copy(ROOT / name, source / name)
    _run(ourselves, source, environment)
    return environment / "bin"


def _run(step: list[str], source: Path, environment: Path) -> None:
    uv, *arguments = step
    program = os.environ.get("UV") or shutil.which(uv)
    assert program, "uv is not on PATH: pip install uv"
    told = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    told |= {"UV_PROJECT_ENVIRONMENT": str(environment), "UV_PYTHON": sys.executable, "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run([program, *arguments], cwd=source, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _copy(origin: Path, target: Path) -> None:
    if origin.is_dir():
        shutil.copytree(origin, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(origin, target)
