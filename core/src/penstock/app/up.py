"""``penstock up``: the processes that make up an installation, each started again if it ends."""

import os
import sys
from functools import partial
from importlib import import_module
from pathlib import Path

from penstock import __version__
from penstock.app.parts.environments import listening, plugin_host
from penstock.errors import ConfigError, ExitCode
from penstock.processes.fork import prepare_to_fork
from penstock.processes.program import fork_program
from penstock.processes.supervise import SupervisedProcess, Supervisor
from penstock.service.choices.services import chosen_services
from penstock.service.project import make_state_folder
from penstock.settings import Settings
from penstock.terminal import write_line

NOTIFY = "notify"
_ALWAYS = ("scheduler", "loader")
"""Services that every installation has: what they import is imported once, before they are forked."""
NOTIFIER, WATCHERS = b"n", b"w"
"""With which the loader asks for a process that only some DAG files need."""
_STOP_S = 10.0
"""Seconds that services get to stop beyond the grace of the tries that run."""


def up(settings: Settings) -> int:
    """Run everything until SIGINT or SIGTERM.

    Returns:
        The exit code: 0 after a clean stop, 4 if another scheduler holds the database, 5 if the installation cannot work as it
        is, 130 if a second Ctrl-C cut the stop short.

    Raises:
        ConfigError: The state folder cannot be made or written to.
    """
    make_state_folder(settings)
    _check_writable(settings.state_folder)
    _log(f"Penstock {__version__}: DAGs in {settings.dags_folder}, state in {settings.state_folder}. Ctrl-C stops.")
    _import_services()
    services = chosen_services(settings, plugin_host(settings))
    kept = [each.stop_s for each in services.values() if each.enabled]
    graces = (settings.executor.stop_grace_s, *kept)
    stop_s = max(graces) + _STOP_S
    starts, start = os.pipe()
    supervisor = Supervisor(
        _services(settings, start, services=bool(kept)),
        starts=starts,
        final=ExitCode.REFUSED,
        final_at_start=ExitCode.UNAVAILABLE,
        stop_s=stop_s,
        log=_log,
    )
    return supervisor.run()


def _check_writable(state_folder: Path) -> None:
    # A disk that turns read-only later may turn back, so it is waited for; one that is at the start is seldom meant.
    if not os.access(state_folder, os.W_OK | os.X_OK):
        raise ConfigError(
            f"{state_folder}: nothing can be written into the state folder: it, or its disk, is read-only for this user. "
            "Make it writable, or name another one by `state_folder` in penstock.toml."
        )


def _import_services() -> None:
    """Import what each fork is to have, from where a program of the environment finds it: not beside a script, nor in this folder."""
    if (
        not sys.flags.safe_path
        and sys.path[:1]
        and Path(sys.path[0]) in (Path.cwd(), Path(sys.argv[0]).absolute().parent)
    ):
        del sys.path[0]
    for name in _ALWAYS:
        import_module(f"penstock.app.{name}")
    prepare_to_fork()


def _services(settings: Settings, start: int, *, services: bool) -> list[SupervisedProcess]:
    """Name the processes to run; the notifier, and the rows that it reads, only if somebody is to be told of something.

    Whether a DAG file asks for that, or for the watchers, is known to the loader, which says so by a byte to ``start``.
    """
    notify = [NOTIFY] if listening(settings) or settings.alerts.rules else []
    found = [
        _service(settings, "scheduler", *notify),
        _service(settings, "loader", keep=(start,)),
        _service(settings, "notifier", wanted=bool(notify), mark=NOTIFIER),
        _service(settings, "watchers", wanted=False, vital=False, mark=WATCHERS),
    ]
    if settings.logs.store:
        found.append(_service(settings, "log_shipper", vital=False))
    if settings.logs.index:
        found.append(_service(settings, "log_indexer", vital=False))
    if services:
        found.append(_service(settings, "services", vital=False))
    if settings.metrics_sinks:
        found.append(_service(settings, "metrics", vital=False))
    return found


def _service(
    settings: Settings,
    name: str,
    *arguments: str,
    keep: tuple[int, ...] = (),
    wanted: bool = True,
    vital: bool = True,
    mark: bytes = b"",
) -> SupervisedProcess:
    """A module of `penstock.app`, forked as a program of its own."""
    module = f"penstock.app.{name}"
    words = [sys.executable, "-P", "-m", module, *arguments]

    def main(kept: tuple[int, ...]) -> int:
        code: int = import_module(module).main(*arguments, *kept)
        return code

    start = partial(fork_program, words, main, keep, settings.root)
    return SupervisedProcess(name.replace("_", " "), start, wanted=wanted, vital=vital, mark=mark)


def _log(line: str) -> None:
    write_line(line)
