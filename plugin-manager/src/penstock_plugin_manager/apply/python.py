"""The interpreter of an environment: whether it starts, and how it is made anew where it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from penstock_plugin_manager.apply.generations import base_python
from penstock_plugin_manager.errors import MissingError
from penstock_plugin_manager.installed.environment import Environment
from penstock_plugin_manager.resolve.request import Resolver


def start_problem(environment: Environment, statement: str = "pass") -> str:
    """Return why an environment's interpreter cannot run a statement; "" if it can."""
    return _problem(environment, "-I", "-c", statement)


def start_advice(environment: Environment) -> str:
    """Return what to do about an interpreter that does not start.

    One that is stopped from outside is sound: what stops it is a ``.pth`` file or a ``sitecustomize``.
    """
    if not is_stopped_from_outside(environment):
        return "Mend it with: plugin-manager doctor --fix"
    site = Path(environment.site)
    names = sorted(path.name for pattern in ("*.pth", "sitecustomize*") for path in site.glob(pattern))
    return f"Something that runs at each start stops it. Look at {', '.join(names) or 'its files'} in {site}."


def is_stopped_from_outside(environment: Environment) -> bool:
    """Tell whether an interpreter that does not start would do so without its site-packages (``-S``)."""
    return not _problem(environment, "-I", "-S", "-c", "pass")


def _problem(environment: Environment, *words: str) -> str:
    try:
        done = subprocess.run([environment.python, *words], check=False, capture_output=True, stdin=subprocess.DEVNULL)
    except OSError as error:
        return f"cannot be started: {error.strerror}"
    if done.returncode == 0:
        return ""
    message = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return f"cannot be started: {message[-1]}" if message else f"ends with exit code {done.returncode}"


def mend_interpreter(environment: Environment, resolver: Resolver) -> None:
    """Make an environment's interpreter anew, from the Python that it came from, or where that is gone from the manager's own.

    What is installed stays; where the new Python has another version, it looks elsewhere, and all is to be installed again.

    Raises:
        ManagerError: the tool cannot make it.
    """
    try:
        base = base_python(environment)
    except MissingError:
        base = str(getattr(sys, "_base_executable", sys.executable))
    scripts = Path(environment.scripts)
    for path in scripts.glob("python*") if scripts.is_dir() else ():
        if path.is_symlink() or path.is_file():
            path.unlink()
    resolver.create(os.path.realpath(environment.root), base, again=True)
