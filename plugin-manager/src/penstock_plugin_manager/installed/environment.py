"""Environments: which one is meant, and where its parts lie."""

from __future__ import annotations

import os
from typing import NamedTuple

from penstock_plugin_manager.errors import ManagerError, MissingError, UsageError
from penstock_plugin_manager.installed.locate import GENERATIONS, ISOLATED, ISOLATED_FILE, STATE, find_root

_WINDOWS = os.name == "nt"


class Environment(NamedTuple):
    """A virtual environment.

    Attributes:
        root: The folder as it was named; in an environment with generations, the pointer.
        python: Its interpreter.
        site: Its site-packages folder.
        version: Its Python's version, such as ``3.11.7``.
        base: Folder of the interpreter that it was made from.
        system_site: Whether its Python sees the packages of the system and of the user as well.
    """

    root: str
    python: str
    site: str
    version: str
    base: str
    system_site: bool = False

    @property
    def state(self) -> str:
        """Return the folder inside the environment that belongs to the manager."""
        return os.path.join(self.root, STATE)

    @property
    def generations(self) -> str:
        """Return the folder of the environment's generations; it exists only where the root is a pointer."""
        return self.root + GENERATIONS

    @property
    def isolated(self) -> str:
        """Return the folder of the environments of isolated providers; all generations share it."""
        return self.root + ISOLATED

    @property
    def has_generations(self) -> bool:
        """Tell whether the root is a pointer to a generation."""
        return os.path.islink(self.root) and os.path.isdir(self.generations)

    @property
    def scripts(self) -> str:
        """Return the folder of the environment's commands."""
        return os.path.dirname(self.python)

    @property
    def starts(self) -> bool:
        """Tell whether there is a program at all where the interpreter should be; only a trial tells whether it works."""
        return os.access(self.python, os.X_OK)

    @property
    def short_version(self) -> str:
        """Return major and minor version: ``3.11``."""
        return ".".join(self.version.split(".")[:2])


def discover(env: str | None, python: str | None, start: str, variables: dict[str, str]) -> Environment:
    """Find the environment that is meant.

    The order is that of ``find_root``.

    Raises:
        UsageError: both options are given.
        MissingError: there is none.
        ManagerError: what was named is the system's Python, or no environment.
    """
    if env and python:
        raise UsageError("--env and --python name the same thing.", "Give one of them.")
    if python and not os.path.exists(python):
        raise MissingError(f"There is no interpreter {python}.", "Give the python of a virtual environment.")
    root = find_root(env, python, start, variables)
    if root:
        return open_environment(root)
    raise MissingError(
        "There is no environment here: no --env, no active one, no .venv beside penstock.toml or in this folder.",
        "Make one with: plugin-manager init",
    )


def open_environment(root: str) -> Environment:
    """Read an environment's layout.

    Raises:
        MissingError: the folder does not exist.
        ManagerError: it is the system's Python or no environment.
    """
    if not os.path.isdir(root):
        raise MissingError(f"There is no environment {root}.", f"Make one with: plugin-manager init --env {root}")
    config = _config(root)
    if config is None:
        raise ManagerError(
            f"{root} is the system's Python or no virtual environment (it has no pyvenv.cfg); it is left alone, "
            "because its packages belong to the operating system and to every program on it.",
            "Make one for the project with: plugin-manager init",
        )
    version = config.get("version_info") or config.get("version") or ""
    version = ".".join(version.split(".")[:3])
    site, found = _site(root, version)
    if site is None:
        raise ManagerError(
            f"{root} has no site-packages folder: it is broken or half made.", "Make it anew: plugin-manager init"
        )
    system_site = config.get("include-system-site-packages", "").lower() == "true"
    return Environment(root, _python(root), site, version or found, config.get("home", ""), system_site)


def isolated_pythons(root: str) -> dict[str, str]:
    """Return the interpreter of each isolated provider of an environment, by id, as the core reads it."""
    import json  # noqa: PLC0415  few environments have any

    try:
        with open(os.path.join(root, ISOLATED_FILE), encoding="utf-8") as stream:
            data = json.load(stream)
    except (OSError, ValueError):
        return {}
    items = data.items() if isinstance(data, dict) else ()
    return {name: python for name, python in items if isinstance(python, str)}


def _config(root: str) -> dict[str, str] | None:
    try:
        with open(os.path.join(root, "pyvenv.cfg"), encoding="utf-8") as stream:
            pairs = (line.partition("=") for line in stream if "=" in line)
            return {name.strip().lower(): text.strip() for name, _, text in pairs}
    except OSError:
        return None


def _python(root: str) -> str:
    parts = ("Scripts", "python.exe") if _WINDOWS else ("bin", "python")
    return os.path.join(root, *parts)


def _site(root: str, version: str) -> tuple[str | None, str]:
    join, isdir = os.path.join, os.path.isdir
    if _WINDOWS:
        site = join(root, "Lib", "site-packages")
        return (site if isdir(site) else None), version
    named = join(root, "lib", f"python{'.'.join(version.split('.')[:2])}", "site-packages")
    if isdir(named):
        return named, version
    library = join(root, "lib")
    for name in sorted(os.listdir(library)) if isdir(library) else ():
        site = join(library, name, "site-packages")
        if name.startswith("python") and isdir(site):
            return site, name.removeprefix("python")
    return None, version


def markers(environment: Environment) -> dict[str, str]:
    """Return the values of PEP 508 markers in an environment on this machine."""
    from packaging.markers import default_environment  # noqa: PLC0415  `list` does not ask for it

    values: dict[str, str] = {key: str(text) for key, text in default_environment().items()}
    values["python_version"] = environment.short_version
    values["python_full_version"] = environment.version
    values["implementation_version"] = environment.version
    values["extra"] = ""
    return values


def tags(environment: Environment) -> list[str]:
    """Return the wheel tags that an environment accepts, best first."""
    from packaging import tags as wheel_tags  # noqa: PLC0415  `list` does not ask for it

    major, minor = (int(part) for part in environment.short_version.split("."))
    platforms = list(wheel_tags.platform_tags())
    found = [str(tag) for tag in wheel_tags.cpython_tags((major, minor), platforms=platforms)]
    return found + [str(tag) for tag in wheel_tags.compatible_tags((major, minor), f"cp{major}{minor}", platforms)]
