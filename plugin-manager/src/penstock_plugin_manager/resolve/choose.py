"""Which tool resolves: uv where it is found, pip otherwise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from penstock_plugin_manager.errors import MissingError, UsageError
from penstock_plugin_manager.index.client import Client
from penstock_plugin_manager.installed.environment import Environment
from penstock_plugin_manager.resolve.pip import Pip
from penstock_plugin_manager.resolve.process import Runner
from penstock_plugin_manager.resolve.request import Resolver
from penstock_plugin_manager.resolve.uv import Uv


def choose(wanted: str, runner: Runner, client: Client, environment: Environment | None = None) -> Resolver:
    """Return the adapter to the tool that is wanted, or to the best one at hand.

    Args:
        wanted: ``uv``, ``pip`` or ``auto``.
        runner: How the tool is run.
        client: How the sources are asked.
        environment: The managed environment; its own pip is the last resort.

    Raises:
        UsageError: another tool was asked for.
        MissingError: the tool is not installed.
    """
    if wanted not in {"auto", "uv", "pip"}:
        raise UsageError(f"{wanted!r} is no resolver.", "Choose uv, pip or auto.")
    program = find_uv() if wanted != "pip" else None
    if program:
        return Uv(program, runner, client)
    if wanted == "uv":
        raise MissingError(
            "uv was asked for and is not installed.", "Install it (pip install uv), or use --resolver pip."
        )
    program = _find_pip(environment)
    if not program:
        raise MissingError("Neither uv nor pip is at hand.", "Install uv beside the manager: pip install uv")
    return Pip(program, runner, client)


def find_uv() -> str | None:
    """Return uv's program: ``PENSTOCK_UV``, the one beside this interpreter, or the first on the path."""
    named = os.environ.get("PENSTOCK_UV")
    beside = Path(sys.executable).parent / ("uv.exe" if os.name == "nt" else "uv")
    if named:
        return named
    return str(beside) if beside.is_file() else shutil.which("uv")


def _find_pip(environment: Environment | None) -> str:
    """Return the runner of a pip: the one beside the manager, in the environment, or of the first Python on the path."""
    candidates = [sys.executable, *([environment.python] if environment else []), shutil.which("python3") or ""]
    return next((found for python in candidates if python and (found := _pip_of(python))), "")


def _pip_of(python: str) -> str:
    """Return the file that pip starts itself by in another environment (``pip --python``, since pip 22.3); "" for none."""
    check = "import importlib.util as u; s = u.find_spec('pip'); print(s.submodule_search_locations[0] if s else '')"
    try:
        done = subprocess.run([python, "-I", "-c", check], check=False, capture_output=True, text=True)
    except OSError:
        return ""
    runner = Path(done.stdout.strip(), "__pip-runner__.py")
    return str(runner) if runner.is_file() else ""
