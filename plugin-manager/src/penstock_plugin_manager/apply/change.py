"""A change that is ready to be carried out, and the check that it came true."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.installed.environment import Environment
from penstock_plugin_manager.installed.site import distributions, info_folder, read_record
from penstock_plugin_manager.model.lock import Locked
from penstock_plugin_manager.model.names import CORE

STATE_FILE = "state.json"


class Change(NamedTuple):
    """What is to be done to an environment and to the project's files.

    Attributes:
        title: What the user asked for, for the history.
        installs: Distributions to install or to replace.
        removals: Names to take out.
        stale: Damaged distributions, taken out before they are installed again.
        after: What must stand afterwards, name to version; distributions outside it are left as they are.
        complete: Everything that the lock puts here; a new generation is built from it.
        files: The project's files with their new text; None takes a file away.
        brought: Names that stand there for the manager's sake.
    """

    title: str
    installs: tuple[Locked, ...]
    removals: tuple[str, ...]
    stale: tuple[str, ...]
    after: Mapping[str, str]
    complete: tuple[Locked, ...]
    files: Mapping[str, str | None]
    brought: tuple[str, ...]


def check(environment: Environment, after: Mapping[str, str], absent: tuple[str, ...], fresh: list[str]) -> None:
    """Prove that an environment holds what was planned and that its core starts.

    Args:
        environment: What to look at.
        after: Names and versions that must stand.
        absent: Names that must not stand.
        fresh: Names whose recorded files must all exist.

    Raises:
        ManagerError: it does not; the message names the first thing that differs.
    """
    statement = "import penstock" if CORE in after else "pass"
    # it starts while the files are looked at, which takes about as long
    with subprocess.Popen(
        [environment.python, "-I", "-c", statement],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as trial:
        _check_files(environment, after, absent, fresh)
        message = trial.communicate()[1].decode("utf-8", "replace").strip()
    if trial.returncode:
        last = message.splitlines()[-1] if message else f"exit code {trial.returncode}"
        raise ManagerError(f"The changed environment does not work: `{statement}` says {last}", "", message)


def _check_files(environment: Environment, after: Mapping[str, str], absent: tuple[str, ...], fresh: list[str]) -> None:
    site = Path(environment.site)
    present = distributions(environment.site)
    for name, version in sorted(after.items()):
        found = present.get(name)
        if found is None or (version and found.version != version):
            raise ManagerError(
                f"{name} {version} should stand in {environment.root}; found {found.version if found else 'nothing'}."
            )
    for name in absent:
        if name in present:
            raise ManagerError(f"{name} should be gone from {environment.root} and still stands there.")
    for name in fresh:
        missing = missing_files(site, name)
        if missing:
            raise ManagerError(f"{name} is incomplete in {environment.root}: {missing[0]} is missing.")


def missing_files(site: Path, name: str) -> list[str]:
    """Return the recorded files of a distribution that do not exist; byte code does not count."""
    folder = info_folder(site, name)
    if folder is None:
        return ["its metadata"]
    root = str(site)
    paths = [path for path, _, _ in read_record(folder) if not path.endswith(".pyc")]
    return [path for path in paths if not os.path.exists(os.path.join(root, path))]  # noqa: PTH110,PTH118  thousands
