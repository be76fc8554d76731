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
    python = _python_with_pip(environment)
    if python is None:
        raise MissingError("Neither uv nor pip is at hand.", "Install uv beside the manager: pip install uv")
    return Pip(python, runner, client)


def find_uv() -> str | None:
    """Return uv's program: ``PENSTOCK_UV``, the one beside this interpreter, or the first on the path."""
    named = os.environ.get("PENSTOCK_UV")
    beside = Path(sys.executable).parent / ("uv.exe" if os.name == "nt" else "uv")
    if named:
        return named
    return str(beside) if beside.is_file() else shutil.which("uv")


def _python_with_pip(environment: Environment | None) -> str | None:
    candidates = [sys.executable, *([environment.python] if environment else []), shutil.which("python3") or ""]
    for python in candidates:
        if python and _has_pip(python):
            return python
    return None


def _has_pip(python: str) -> bool:
    check = "import importlib.util as u, sys; sys.exit(u.find_spec('pip') is None)"
    try:
        return subprocess.run([python, "-c", check], check=False, capture_output=True).returncode == 0
    except OSError:
        return False
