"""Composes the store, the vault, the providers and the executors of a process, from settings."""

import sys
import time
from collections.abc import Callable

from penstock.app.parts.environments import plugin_host
from penstock.app.parts.executors import build_executors, lease_renewal_of, opening_of, place_of, poke_of
from penstock.app.parts.metrics_recorder import recorder
from penstock.app.parts.vault import open_vault
from penstock.clock import SystemClock
from penstock.engine.engine import Engine
from penstock.errors import ConfigError, StoreHeldError
from penstock.execute.local import LocalExecutor
from penstock.model.text import visible
from penstock.plugins.isolated import isolated_pythons
from penstock.scheduler.in_hand import InHand
from penstock.scheduler.loop import Scheduler
from penstock.scheduler.measures import Measures
from penstock.scheduler.sharing.takeover import MARGIN_S, RoleLease, TakeoverExecutor
from penstock.service.installation import Installation
from penstock.service.project import make_state_folder
from penstock.settings import Settings
from penstock.spec.executor import Executor, FileCode, Offload
from penstock.store import Keyring, Store, lost_key
from penstock.tries.asks import Asks
from penstock.tries.try_requests import TryRequests

PATIENCE_S, POLL_S = 3.0, 0.1


def keyring(settings: Settings) -> Keyring:
    """The keys that encrypt connections and Variables."""
    if settings.secret_keys:
        return Keyring(settings.secret_keys, "PENSTOCK_SECRET_KEY")
    return Keyring.of_file(settings.key_file)


def open_store(settings: Settings, *, create: bool = True) -> Store:
    """Open the database of an installation; it is made if need be, and the state folder with it.

    Raises:
        ConfigError: The state folder or the key cannot be made, or the key is lost that something was encrypted with.
        StoreError: The database cannot serve.
    """
    if create:
        make_state_folder(settings)
    url, wait_s = settings.database_url, settings.database.wait_s
    if not settings.secret_keys and not settings.key_file.exists():
        # A new key would be taken for the one that was lost: whoever reads gets on without, others are refused, unless nothing needs it.
        store = Store.open(url, Keyring.without_file(settings.key_file), create=create, wait_s=wait_s)
        if not create:
            return store
        with store:
            if store.config.holds_secrets() and not settings.key_file.exists():
                raise ConfigError(lost_key(str(settings.key_file)))
    return Store.open(url, keyring(settings), create=create, wait_s=wait_s)


def installation(settings: Settings, *, create: bool = True) -> Installation:
    """The installation of these settings; each part is made when it is first used.

    Args:
        settings: The settings.
        create: Whether the database is made if there is none yet.
    """
    return Installation(
        settings,
        SystemClock(),
        open_store=lambda create: open_store(settings, create=create),
        find_plugins=lambda: plugin_host(settings),
        open_vault=lambda store: open_vault(settings, store),
        create=create,
    )


def build_scheduler(settings: Settings, holder: str, *, notify: bool = False) -> Scheduler:
    """The scheduler with its executors, and the lock of the database; nothing is started yet.

    Args:
        settings: The installation.
        holder: What to call it in the message to whoever comes second.
        notify: Whether changes of states are kept for the notifier.

    Raises:
        StoreHeldError: Another scheduler works on the database (PostgreSQL: in the same state folder).
        ConfigError: Something of the installation is wrong.
        StoreError: The database cannot serve.
    """
    clock = SystemClock()
    store = open_store(settings)
    try:
        _take_role(store, holder, settings, clock)
        executors = build_executors(settings, clock.now, _report)
        store.role.forget_others()  # those of this place: the executors' lock says that none of their tries lives
        chosen = settings.scheduler
        role = RoleLease(
            store.role, clock, lease_s=chosen.role_lease_s, takeover_s=chosen.takeover_s,
            renew_lease=lease_renewal_of(executors),
        )  # fmt: skip
        poke, requests = poke_of(executors), _requests(settings, store, opening_of(executors))
        if store.role.leased:
            executors = _taking_over(executors, role, chosen.lease_s, clock)
        asks = Asks(store, clock, open_vault(settings, store))
        in_hand = InHand(settings.state_folder / "scheduler.in-hand")
        engine = Engine(
            lease_s=settings.scheduler.lease_s, routes=settings.queues, queue_limits=settings.queue_limits,
            tenants=settings.tenants, notify=notify,
        )  # fmt: skip
        return Scheduler(
            store, engine, executors, requests, asks, clock,
            stop_grace_s=settings.executor.stop_grace_s, role=role, in_hand=in_hand, report=_report,
            measures=Measures(recorder(settings)), poke=poke, handover_s=chosen.handover_s,
        )  # fmt: skip
    except BaseException:
        store.close()
        raise


def _take_role(store: Store, holder: str, settings: Settings, clock: SystemClock) -> None:
    """Take the scheduler's role; a scheduler that was killed a moment ago has it until the system has buried its process."""
    until_s = clock.read().monotonic_s + PATIENCE_S
    while True:
        try:
            store.role.acquire(
                holder, clock.now(), place_of(settings), lease_s=settings.scheduler.role_lease_s,
                runs_on_s=settings.scheduler.takeover_s + MARGIN_S,
            )  # fmt: skip
        except StoreHeldError:
            if clock.read().monotonic_s > until_s:
                raise
            time.sleep(POLL_S)
        else:
            return


def _taking_over(
    executors: dict[str, Executor], role: RoleLease, lease_s: float, clock: SystemClock
) -> dict[str, Executor]:
    """Have local executors wait for the tries of other machines."""
    waiting = {
        id(each): TakeoverExecutor(each, role, lease_s, clock, _report)
        for each in executors.values()
        if isinstance(each, LocalExecutor)
    }
    return {name: waiting.get(id(each), each) for name, each in executors.items()}


def _requests(settings: Settings, store: Store, open_file: Callable[[str, FileCode], None]) -> TryRequests:
    return TryRequests(
        store,
        logs=settings.logs_folder,
        isolation=settings.executor.isolation,
        grace_s=settings.executor.stop_grace_s,
        offload=Offload(settings.values_url, settings.xcom.conn_id, settings.xcom.threshold_bytes),
        isolated=frozenset(isolated_pythons(settings.isolated_file)),
        open_file=open_file,
    )


def _report(sentence: str) -> None:
    print(visible(sentence), file=sys.stderr, flush=True)  # noqa: T201 - the terminal that `penstock up` runs in
