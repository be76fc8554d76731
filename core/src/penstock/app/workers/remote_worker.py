"""Makes and runs a worker of remote executors: of a pool, or for one ticket."""

import fcntl
import os
import re
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR, S_IWGRP, S_IWOTH
from typing import NamedTuple

from penstock import __version__
from penstock.app.parts.service_end import ended_by
from penstock.client.server_address import AUTHORITY, SERVER, TOKEN, server_address
from penstock.clock import SystemClock
from penstock.errors import ConfigError, ExitCode
from penstock.execute.environment import Environment, spawn_command
from penstock.execute.executor_lock import lock_executor
from penstock.execute.local import LocalExecutor
from penstock.model.remote.execution_messages import worker_name
from penstock.model.remote.remote_try import WorkerStatus
from penstock.model.values.address_secrets import without_url_secrets
from penstock.plugins.host import PluginHost
from penstock.plugins.isolated import isolated_pythons
from penstock.settings import Settings, load_settings, with_secret_files
from penstock.settings.executor import ExecutorSettings
from penstock.spec.executor import LOCAL
from penstock.spec.remote import TicketSource, WorkerGuard
from penstock.terminal import write_line
from penstock.tries.remote.remote_options import check_connection, is_remote, read_remote_options
from penstock.worker.claims import is_ticket
from penstock.worker.execution_client import ExecutionClient
from penstock.worker.ticket_worker import TicketWorker
from penstock.worker.worker_plan import WorkerPlan

TICKET = "PENSTOCK_TICKET"
"""The variable of the environment that holds the one ticket of a worker that was started for it."""
_LOCK = "worker.lock"
_NOT_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


class WorkerChoice(NamedTuple):
    """What somebody who starts a worker chooses.

    Attributes:
        executor: The executor whose tickets it takes, by its name in the settings; "" for the one ticket of the environment.
        queues: Names of the queues whose tries it takes, several in one text with commas between them; of default unless given.
        slots: Tries that it runs at once.
        folder: Where its files lie; "" for a temporary folder of this user.
        idle_exit_s: Seconds without a try after which it leaves; None for never.
        drain_s: Seconds for which its tries may go on once it is told to leave; None for as long as they take.
        lost_s: As `penstock.worker.worker_plan.WorkerPlan.lost_s`.
        guarded: Whether a pool has its machine kept while it has tries, where that can be asked for.
    """

    executor: str = ""
    queues: tuple[str, ...] = ()
    slots: int = 1
    folder: str = ""
    idle_exit_s: float | None = None
    drain_s: float | None = None
    lost_s: float | None = None
    guarded: bool = True


def run_worker(environ: Mapping[str, str], choice: WorkerChoice) -> ExitCode:
    """Run a worker until it leaves; returns the exit code.

    What it needs of its environment: the URL of the server in ``PENSTOCK_SERVER``, and what lets it in there, or a file that has it.
    """
    try:
        environ = with_secret_files(environ)
        worker, ticket = _worker(environ, choice, _client(environ))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.drain())
        if ticket:
            worker.take(ticket)
        try:
            worker.run()
        finally:
            shutil.rmtree(worker.plan.own, ignore_errors=True)
    except Exception as error:  # noqa: BLE001 - whatever ends it, ends in a sentence
        return ended_by(error, "worker: ")
    return ExitCode.DONE


def _client(environ: Mapping[str, str]) -> ExecutionClient:
    if not environ.get(SERVER):
        raise ConfigError(f"{SERVER} is not set: it names the server whose tries this worker runs.")
    return ExecutionClient(server_address(environ[SERVER], environ.get(AUTHORITY, "")))


def _worker(environ: Mapping[str, str], choice: WorkerChoice, client: ExecutionClient) -> tuple[TicketWorker, str]:
    """The worker, and the one ticket that it is to take; "" for one of a pool."""
    shown = _shown(environ, choice)
    pool = _pool(environ, choice) if choice.executor else _Pool()
    folder = Path(choice.folder) if choice.folder else _usual_folder()
    key = secrets.token_urlsafe(24)
    name = worker_name(f"{_NOT_NAME.sub('-', socket.gethostname())[:60]}-{os.getpid()}", key)
    status = WorkerStatus(
        name,
        choice.executor,
        _queues(choice.queues),
        socket.gethostname(),
        __version__,
        choice.slots if choice.executor else 1,
    )
    own = _own_folder(folder, name)
    plan = WorkerPlan(
        status, key, shown, folder, own, pool.lease_s, guards=pool.guards, isolated=_isolated(),
        idle_exit_s=choice.idle_exit_s, drain_s=choice.drain_s, lost_s=choice.lost_s,
    )  # fmt: skip
    executor = _executor(folder, own, choice.slots, pool.lease_s)
    worker = TicketWorker(plan, client, executor, pool.source, SystemClock(), _report)
    return worker, "" if choice.executor else shown


class _Pool(NamedTuple):
    """What a worker of a pool has beside one for a ticket."""

    source: TicketSource | None = None
    lease_s: float = 60.0
    guards: tuple[tuple[str, WorkerGuard], ...] = ()


def _shown(environ: Mapping[str, str], choice: WorkerChoice) -> str:
    """What lets a worker in at the server: a user's token, or its ticket."""
    shown = environ.get(TOKEN if choice.executor else TICKET, "")
    if choice.executor and not shown:
        raise ConfigError(
            f"{TOKEN} is not set: a pool of workers shows the token of a user who may run workers (workers:run)."
        )
    if not shown:
        raise ConfigError(
            f"{TICKET} is not set, which holds the ticket; or name an executor whose tickets come to this worker."
        )
    if not choice.executor and not is_ticket(shown):
        raise ConfigError(f"{TICKET} holds what is no ticket: executors write it, as a word with a dot in it.")
    return shown


def _pool(environ: Mapping[str, str], choice: WorkerChoice) -> _Pool:
    from penstock.app.parts.environments import plugin_host  # noqa: PLC0415 - a worker for one ticket needs no provider to begin
    from penstock.app.workers.guards import guards_of  # noqa: PLC0415 - as above

    settings = load_settings(environ, Path.cwd())
    host = plugin_host(settings)
    source, lease_s = _source(settings, choice, host, environ)
    return _Pool(source, lease_s, guards_of(host, environ, _report) if choice.guarded else ())


def _source(
    settings: Settings, choice: WorkerChoice, host: PluginHost, environ: Mapping[str, str]
) -> tuple[TicketSource, float]:
    from penstock.app.parts.engine_secrets import drop_engine_secrets  # noqa: PLC0415 - as above

    name = choice.executor
    chosen = settings.executors.get(name)
    if chosen is None or not chosen.provided:
        known = ", ".join(each for each, other in settings.executors.items() if other.provided)
        found = (
            f"{settings.file} names {known or 'none'}"
            if settings.file
            else f"no penstock.toml is in {settings.root} or above it"
        )
        remedy = "Correct the name, or copy the scheduler's penstock.toml to here."
        raise ConfigError(f"there is no executor {name!r} of a provider in [executors]: {found}. {remedy}")
    make = host.resolve(chosen.type, "executors")
    if not is_remote(make):
        raise ConfigError(f"executor {name!r} ({chosen.type}) has workers of its own: see its documentation.")
    common, own = read_remote_options(name, chosen.options)
    variable = f"PENSTOCK_CONN_{common.conn_id.upper()}"
    connection = settings.connections.get(common.conn_id.lower()) if common.conn_id else None
    if connection is not None:
        check_connection(name, make, connection)
    elif common.conn_id and not any(environ.get(each) for each in make.secret_environ):
        raise ConfigError(
            f"[executors.{name}]: connection {common.conn_id!r} is not in this worker's environment, and a worker has no other: "
            f"set {' or '.join([variable, *make.secret_environ])}."
        )
    source = make.source(own, _queues(choice.queues), name, connection)
    drop_engine_secrets(settings, host, [variable])  # tries inherit the others
    return source, common.worker_lease_s


def _executor(folder: Path, own: Path, slots: int, lease_s: float) -> LocalExecutor:
    lock = lock_executor(own / "executor.lock", patience_s=5.0)
    isolated = isolated_pythons(_isolated())
    environments = {
        provider: Environment(spawn_command(python), lock, own / "spawn-servers.log")
        for provider, python in {"": sys.executable, **isolated}.items()
    }
    settings = ExecutorSettings(parallelism=slots)
    return LocalExecutor(folder / "snapshots", environments, settings, SystemClock().now, name=LOCAL, lease_s=lease_s)


def _isolated() -> Path:
    return Path(sys.prefix) / "penstock-isolated.json"


def _usual_folder() -> Path:
    """The folder of this user among temporary ones, which is his: code is run from it, and others may write beside it."""
    folder = Path(tempfile.gettempdir()) / f"penstock-worker-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise ConfigError(f"{folder} cannot be used: {error.strerror}. Name another folder by --folder.") from None
    if not S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & (S_IWGRP | S_IWOTH):
        raise ConfigError(
            f"{folder} is not this user's own: others may write into it. Name another folder by --folder."
        )
    return folder


def _own_folder(folder: Path, name: str) -> Path:
    """Make the folder of this worker, which is its own for as long as it lives; those of workers that were killed are removed."""
    workers = folder / "workers"
    try:
        workers.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in workers.iterdir():
            _remove_left(left)
        own = workers / name
        own.mkdir()
        descriptor = os.open(own / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # it is held until this process ends
    except OSError as error:
        raise ConfigError(
            f"{workers}: the folder of workers cannot be used: {error.strerror}. Name another by --folder."
        ) from None
    return own


def _remove_left(path: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(descriptor)


def _report(sentence: str) -> None:
    write_line(without_url_secrets(f"worker: {sentence}"))


def _queues(texts: Sequence[str]) -> tuple[str, ...]:
    """The names of queues in texts, several in one with commas between them."""
    return tuple(dict.fromkeys(queue.strip() for text in texts for queue in text.split(",") if queue.strip())) or (
        "default",
    )
