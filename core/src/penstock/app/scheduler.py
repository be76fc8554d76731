"""Main of the scheduler's process."""

import gc
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from penstock.app.compose import open_store
from penstock.app.parts.executors import build_executors, lease_renewal_of, opening_of, place_of, poke_of
from penstock.app.parts.metrics_recorder import recorder
from penstock.app.parts.service_end import ended_by
from penstock.app.parts.vault import open_vault
from penstock.clock import SystemClock
from penstock.engine.engine import Engine
from penstock.errors import StoreHeldError
from penstock.execute.local import LocalExecutor
from penstock.plugins.isolated import isolated_pythons
from penstock.processes.supervise import ALL_DONE
from penstock.scheduler.heartbeat_file import HeartbeatFile
from penstock.scheduler.in_hand import InHand
from penstock.scheduler.loop import Scheduler
from penstock.scheduler.measures import Measures
from penstock.scheduler.sharing.takeover import MARGIN_S, RoleLease, TakeoverExecutor
from penstock.settings import Settings, load_settings
from penstock.spec.executor import Executor, LogBounds, Offload
from penstock.store import Store
from penstock.terminal import write_line
from penstock.tries.asks import Asks
from penstock.tries.remote.remote_try_executor import RemoteTryExecutor
from penstock.tries.try_requests import TryRequests

PATIENCE_S, POLL_S = 3.0, 0.1


def main(*listens: str) -> int:
    """Schedule until SIGTERM or SIGINT, or from SIGUSR1 on until no try runs; the exit code says which, or what was wrong.

    Args:
        listens: "notify" if somebody listens to changes of states.
    """
    asked: list[bool] = []
    try:
        signal.signal(signal.SIGUSR1, lambda *_: asked.append(True))
        scheduler = build_scheduler(
            load_settings(os.environ, Path.cwd()), f"penstock up (process {os.getppid()})", notify=bool(listens)
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: scheduler.stop())
        signal.signal(signal.SIGUSR1, lambda *_: scheduler.drain())
        if asked:
            scheduler.drain()
        gc.freeze()
        scheduler.run()
    except Exception as error:  # noqa: BLE001 - a full disk, or a bug, ends in a sentence, too
        return ended_by(error)
    return ALL_DONE if scheduler.drained else 0


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
        executors = build_executors(settings, store, clock, _report)
        store.role.forget_others()  # those of this place: the executors' lock says that none of their tries lives
        chosen = settings.scheduler
        role = RoleLease(
            store.role, clock, lease_s=chosen.role_lease_s, takeover_s=chosen.takeover_s,
            renew_lease=lease_renewal_of(executors),
        )  # fmt: skip
        poke, requests = poke_of(executors), _requests(settings, store, executors)
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
            measures=Measures(recorder(settings), HeartbeatFile(settings.state_folder), clock), poke=poke, handover_s=chosen.handover_s,
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


def _requests(settings: Settings, store: Store, executors: Mapping[str, Executor]) -> TryRequests:
    offload = Offload(settings.values_url, settings.xcom.conn_id, settings.xcom.threshold_bytes)
    far: dict[str, Offload] = {}
    if not settings.xcom.store:
        # The state folder is no place for what another machine is to read.
        none = Offload("", threshold_bytes=settings.xcom.kept_bytes)
        far = {name: none for name, each in executors.items() if isinstance(each, RemoteTryExecutor)}
        offload = replace(offload, threshold_bytes=none.threshold_bytes) if far else offload
    return TryRequests(
        store,
        logs=settings.logs_folder,
        isolation=settings.executor.isolation,
        grace_s=settings.executor.stop_grace_s,
        offload=offload,
        log_bounds=LogBounds(settings.logs.try_mb << 20, settings.logs.least_free_mb << 20),
        isolated=frozenset(isolated_pythons(settings.isolated_file)),
        open_file=opening_of(executors),
        far=far,
    )


def _report(sentence: str) -> None:
    write_line(sentence)
