"""A change that is ready to be carried out, and the check that it came true."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.installed.damage import Damage, damaged
from penstock_plugin_manager.installed.environment import Environment
from penstock_plugin_manager.installed.site import distributions
from penstock_plugin_manager.model.lock import Locked
from penstock_plugin_manager.model.names import CORE

STATE_FILE = "state.json"


class Change(NamedTuple):
    """What is to be done to an environment and to the project's files.

    Attributes:
        title: What the user asked for, for the history.
        installs: Distributions to install or to replace.
        removals: Names to take out.
        stale: Distributions that stand there and are installed again all the same: each is taken out first.
        after: What must stand afterwards, name to version; distributions outside it are left as they are.
        complete: Everything that the lock puts here; a new generation is built from it.
        files: The project's files with their new text; None takes a file away.
        brought: Names that stand there for the manager's sake.
        isolated: Interpreter of each isolated provider, by id, for the file that the core reads.
        judge: Called with the changed environment before the change is final; what it raises undoes the change.
    """

    title: str
    installs: tuple[Locked, ...]
    removals: tuple[str, ...]
    stale: tuple[str, ...]
    after: Mapping[str, str]
    complete: tuple[Locked, ...]
    files: Mapping[str, str | None]
    brought: tuple[str, ...]
    isolated: Mapping[str, str]
    judge: Callable[[Environment], None]


def check(environment: Environment, after: Mapping[str, str], absent: tuple[str, ...]) -> dict[str, list[Damage]]:
    """Prove that an environment holds what was planned and that its core starts.

    Args:
        environment: What to look at.
        after: Names and versions that must stand.
        absent: Names that must not stand.

    Returns:
        What is damaged of that which must stand.

    Raises:
        ManagerError: a version differs, something is missing or should be gone, or the core does not start.
    """
    statement = "import penstock" if CORE in after else "pass"
    try:
        # it starts while the files are looked at, which takes about as long
        with subprocess.Popen(
            [environment.python, "-I", "-c", statement],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as trial:
            found = _check_files(environment, after, absent)
            message = trial.communicate()[1].decode("utf-8", "replace").strip()
    except OSError as error:
        raise ManagerError(
            f"{environment.python} cannot be started: {error.strerror}.", "Mend it with: plugin-manager doctor --fix"
        ) from None
    if trial.returncode and not found:
        last = message.splitlines()[-1] if message else f"exit code {trial.returncode}"
        raise ManagerError(f"The changed environment does not work: `{statement}` says {last}", "", message)
    return found


def _check_files(
    environment: Environment, after: Mapping[str, str], absent: tuple[str, ...]
) -> dict[str, list[Damage]]:
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
    return damaged(Path(environment.site), sorted(after), environment.state)
