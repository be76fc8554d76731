"""Builds the executors that the settings name."""

import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import cast

import msgspec

from penstock.app.parts.engine_secrets import drop_engine_secrets
from penstock.app.parts.environments import plugin_host, plugin_sources
from penstock.app.parts.vault import open_vault
from penstock.clock import Clock
from penstock.errors import ConfigError, as_sentence
from penstock.execute.environment import Environment, spawn_command
from penstock.execute.executor_lock import lock_executor
from penstock.execute.local import LocalExecutor
from penstock.model.connection import Connection
from penstock.model.names import error_reason
from penstock.model.run import TaskKey
from penstock.model.secret import secrets_in
from penstock.model.values.address_secrets import without_url_secrets
from penstock.plugins.isolated import isolated_pythons
from penstock.processes.masking import Mask
from penstock.scheduler.capacity_file import CapacityFile
from penstock.scheduler.executor_faults import NOT_MADE, ExecutorFaults
from penstock.scheduler.fenced import FencedExecutor
from penstock.settings import Settings
from penstock.settings.executor import ExecutorSettings
from penstock.spec.executor import LOCAL, WAITER, Executor, ExecutorContext, FileCode
from penstock.spec.remote import RemoteContext, RemoteExecutor
from penstock.store import Store
from penstock.tries.packed_snapshots import PackedSnapshots
from penstock.tries.remote.doorbell import Doorbell, ExecutorReports
from penstock.tries.remote.remote_options import check_connection, is_remote, read_remote_options, without_common
from penstock.tries.remote.remote_try_executor import RemoteTryExecutor
from penstock_manifest.arguments import argument_problems

Maker = Callable[[ExecutorContext], Executor] | type[RemoteExecutor]
"""What a provider names as its executor."""

_MACHINE_ID = Path("/etc/machine-id")
"""See machine-id(5); names of machines alone are often those of their image."""


def build_executors(
    settings: Settings, store: Store, clock: Clock, report: Callable[[str], None]
) -> dict[str, Executor]:
    """Make every executor of ``[executors]``, by name; that of the sensors comes with the local one. None is started yet.

    Args:
        settings: The installation.
        store: Its database, in which remote executors offer their tries.
        clock: Tells the present.
        report: Takes a sentence about a provider's executor that cannot be made. It is left out: a provider that is broken
            keeps its own queues waiting, and nobody else.

    Raises:
        ConfigError: A local one cannot be made, or processes of an earlier scheduler still live.
    """
    lock = lock_executor(settings.state_folder / "executor.lock", patience_s=settings.executor.stop_grace_s + 5)
    executors: dict[str, Executor] = {}
    for name, choice in settings.executors.items():
        if choice.type == LOCAL:
            local = _local(settings, name, settings.local_executor(name), lock, clock.now)
            executors[name] = local
            if name == LOCAL:
                executors[WAITER] = local
        else:
            faults = ExecutorFaults(settings.state_folder, name)
            faults.clear()
            try:
                executors[name] = _of_provider(settings, store, name, clock, faults)
            except ConfigError as error:
                faults.add(str(error))
                report(f"{as_sentence(error)} Tries of its queues wait.")
    # Each has read them by now, and tries of this machine inherit the others.
    drop_engine_secrets(settings, plugin_host(settings))
    return executors


def lease_renewal_of(executors: Mapping[str, Executor]) -> Callable[[float], None]:
    """What lets the tries of all local executors run on until an instant of the monotonic clock."""
    local = {id(each): each for each in executors.values() if isinstance(each, LocalExecutor)}

    def renew_lease(until_s: float) -> None:
        for each in local.values():
            each.renew_lease(until_s)

    return renew_lease


def poke_of(executors: Mapping[str, Executor]) -> Callable[[Sequence[tuple[TaskKey, int]]], None]:
    """What has waiting sensors looked at at once: the local executor holds all of them."""
    local = executors[WAITER]

    def poke(tries: Sequence[tuple[TaskKey, int]]) -> None:
        if isinstance(local, LocalExecutor):
            local.poke(tries)

    return poke


def opening_of(executors: Mapping[str, Executor]) -> Callable[[str, FileCode], None]:
    """What has a local executor, by its name, begin to import a DAG file."""
    local = {name: each for name, each in executors.items() if isinstance(each, LocalExecutor)}

    def open_file(name: str, code: FileCode) -> None:
        if name in local:
            local[name].open(code)

    return open_file


def place_of(settings: Settings) -> str:
    """Where the tries of local executors run: the machine, and the folder whose lock tells whether any live."""
    try:
        machine = _MACHINE_ID.read_text().strip()
    except OSError:
        machine = ""
    return f"{machine}:{socket.gethostname()}:{settings.state_folder.absolute()}"


def _local(
    settings: Settings, name: str, chosen: ExecutorSettings, lock: int, now: Callable[[], datetime]
) -> LocalExecutor:
    if chosen.isolation == "inline":
        raise ConfigError(
            f'executor {name!r}: isolation = "inline" is for `penstock dags test`: user code never runs in the scheduler. '
            'Set it to "fork" or "reuse".'
        )
    log = settings.logs_folder / "spawn-servers.log"
    pythons = {"": sys.executable, **isolated_pythons(settings.isolated_file)}
    environments = {
        provider: Environment(
            spawn_command(
                python,
                poke_threads=settings.waiters.threads,
                plugins=msgspec.json.encode(plugin_sources(settings, isolated=bool(provider))).decode(),
            ),
            lock,
            log,
        )
        for provider, python in pythons.items()
    }
    snapshots, dags = settings.state_folder / "snapshots", str(settings.dags_folder)
    lease_s = settings.scheduler.lease_s
    return LocalExecutor(snapshots, environments, chosen, now, name=name, lease_s=lease_s, dags_folder=dags)


def _of_provider(settings: Settings, store: Store, name: str, clock: Clock, faults: ExecutorFaults) -> Executor:
    chosen = settings.executors[name]
    capacity = CapacityFile(settings.state_folder, name)
    capacity.write(0)
    options = dict(chosen.options)
    mask = Mask(secrets_in(options))

    def hide(text: str) -> str:
        return without_url_secrets(mask.hide(text))  # that of a URL of the environment is not among the options

    try:
        make = _maker(settings, chosen.type, options)
        if is_remote(make):
            reports = ExecutorReports(faults.add, capacity.write, hide)
            connection = _connection(settings, store, name, make, mask)
            return _remote(settings, store, name, clock, make, reports, connection)
        folder = settings.state_folder / "executors" / name
        packed = PackedSnapshots(settings.state_folder / "snapshots")
        context = ExecutorContext(name, options, settings.scheduler.lease_s, folder, packed.get, clock.now)
        made: Executor = cast("Callable[[ExecutorContext], Executor]", make)(context)
    except Exception as error:  # a provider's code: what it raises must say whose it is
        why = hide(error_reason(error))
        raise ConfigError(f"executor {name!r} ({chosen.type}{NOT_MADE}{why}") from error
    return FencedExecutor(made, name, clock.now, keep=faults.add, keep_capacity=capacity.write, hide=hide)


def _remote(
    settings: Settings,
    store: Store,
    name: str,
    clock: Clock,
    make: type[RemoteExecutor],
    reports: ExecutorReports,
    connection: Connection | None,
) -> RemoteTryExecutor:
    common, own = read_remote_options(name, settings.executors[name].options)
    folder, installation = settings.state_folder / "executors" / name, store.logs.identity()

    def made(doorbell: Doorbell) -> RemoteExecutor:
        return make(
            RemoteContext(
                name, own, common.server, installation, folder, clock.now, doorbell.waiting, doorbell.gone, connection
            )
        )

    return RemoteTryExecutor(name, store, common, settings.scheduler.lease_s, clock, made, reports)


def _connection(
    settings: Settings, store: Store, name: str, make: type[RemoteExecutor], mask: Mask
) -> Connection | None:
    """The connection that the settings name for an executor, and its secrets to be masked."""
    common, _ = read_remote_options(name, settings.executors[name].options)
    if not common.conn_id:
        return None
    vault = open_vault(settings, store)
    try:
        found = vault.connection(common.conn_id)
    finally:
        vault.close()
    mask.learn(found.secrets)
    return check_connection(name, make, found.value)


def _maker(
    settings: Settings, capability: str, options: Mapping[str, object]
) -> Callable[[ExecutorContext], Executor] | type[RemoteExecutor]:
    """The provider's object that makes the executor; imported only if the manifest knows the options.

    An executor would pass over a misspelt option, or fail on a wrong one in words of its own.
    """
    host = plugin_host(settings)
    known = host.capability(capability)
    own = without_common(options, {parameter.name for parameter in known.parameters})
    problems = argument_problems(known, own)
    if problems:
        raise ConfigError("; ".join(problems))
    make: Maker = host.resolve(capability, "executors")
    if len(own) < len(options) and not is_remote(make):
        raise ConfigError("; ".join(argument_problems(known, options)))
    return make
