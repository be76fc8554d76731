"""Figures of an installation: read from its database, and as metrics for whoever asks."""

from collections.abc import Iterator

import msgspec

from penstock.errors import RequestError, StoreError
from penstock.metrics import metrics_table as table
from penstock.metrics.exposition import OPENMETRICS, PLAIN, Series, exposition, of_records, wants_openmetrics
from penstock.metrics.labels import bounded_figures
from penstock.metrics.metrics_table import Metric
from penstock.metrics.series import Record
from penstock.model.access.permission import Permission
from penstock.scheduler.heartbeat_file import SILENT_S, HeartbeatFile
from penstock.service.figures.queues import Load, QueueFigures, load_of, with_workers
from penstock.service.figures.seen_figures import as_seen
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.settings.sharing.queues import WorkerRule
from penstock.spec.executor import LOCAL
from penstock.store import Counts

FRESH_S = 10.0
"""Seconds for which figures that were read are given again."""


class SchedulerHealth(msgspec.Struct, frozen=True):
    """Whether somebody schedules.

    Attributes:
        schedulers: Those at work, whose loops come round.
        silent_s: Seconds since that of this machine came round; None if it never did, or other machines have it.
        problem: What is wrong, and what to do; "" if nothing is.
    """

    schedulers: int
    silent_s: float | None
    problem: str


@operation("GET", "/schedulers/health", needs=Permission.INSTALLATION_READ)
def scheduler_health(installation: Installation) -> SchedulerHealth:
    """Tell whether a scheduler works whose loop comes round; raises StoreError."""
    role = installation.store.role
    holders = role.holders()
    if not holders:
        return SchedulerHealth(0, None, "No scheduler is running. Start it with `penstock up`.")
    if installation.settings.database_url.startswith("postgresql"):
        return SchedulerHealth(len(holders), None, "")  # a lease of a loop that stands still ends by itself
    silent_s = HeartbeatFile(installation.settings.state_folder).silent_s(installation.clock.read().monotonic_s)
    if silent_s is not None and silent_s <= SILENT_S:
        return SchedulerHealth(1, silent_s, "")
    since = "since the machine started" if silent_s is None else f"for {silent_s:.0f} s"
    return SchedulerHealth(
        0,
        silent_s,
        f"The scheduler, process {holders[0].pid} on {holders[0].host}, has not come round {since}. It is stopped, or waits for a disk: "
        "look at its process, and restart `penstock up`.",
    )


@operation("GET", "/queues", needs=Permission.INSTALLATION_READ)
def list_queues(installation: Installation, *, tries_per_worker: int | None = None) -> list[QueueFigures]:
    """List the queues with what is asked of them, and how many workers each wants.

    Args:
        installation: The installation.
        tries_per_worker: Tries that a worker runs at once; None for what the settings say of each queue.

    Raises:
        RequestError: The number is not positive.
        StoreError: The database failed.
    """
    if tries_per_worker is not None and tries_per_worker < 1:
        raise RequestError(f"{tries_per_worker} tries a worker are not possible. Give a number from 1.")
    load = _load(installation, installation.store.figures.counts())
    found = []
    for queue in load.queues.values():
        rule = installation.settings.queue_workers.get(queue.name, WorkerRule())
        found.append(
            with_workers(queue, rule if tries_per_worker is None else rule._replace(tries_per_worker=tries_per_worker))
        )
    return found


class FigureReader:
    """Reads the figures of an installation as metrics, at most once in `FRESH_S` seconds.

    Args:
        installation: The installation.
        most_labels: DAGs, DAG files, queues and pools that are told apart.
    """

    def __init__(self, installation: Installation, most_labels: int) -> None:
        self._installation, self._most = installation, most_labels
        self._records: list[Record] = []
        self._until_s: float | None = None

    def read(self) -> list[Record]:
        """The figures; without a database that answers, only that it does not."""
        now_s = self._installation.clock.read().monotonic_s
        if self._until_s is None or now_s >= self._until_s:
            try:
                self._records = list(bounded_figures(self._read(), self._most))
            except StoreError:
                self._records = [Record(table.DATABASE_UP.name, 0.0)]
            self._until_s = now_s + FRESH_S
        return self._records

    def text(self, measured: Series | None = None, *, openmetrics: bool = False) -> str:
        """The figures as Prometheus reads them, with what a process has measured."""
        return exposition({**of_records(self.read()), **(measured or {})}, openmetrics=openmetrics)

    def answer(self, accept: str, viewer: Installation) -> tuple[str, str]:
        """The figures for a request: the media type, and the text.

        Args:
            accept: The media types that are accepted.
            viewer: The installation as whoever asks may see it: DAGs and DAG files of others are told as one, and pools not at all.

        Raises:
            StoreError: The database failed.
        """
        openmetrics = wants_openmetrics(accept)
        found = exposition(of_records(as_seen(self.read(), viewer)), openmetrics=openmetrics)
        return (OPENMETRICS if openmetrics else PLAIN), found

    def _read(self) -> Iterator[Record]:
        installation = self._installation
        counts, now = installation.store.figures.counts(), installation.now()
        yield _figure(table.DATABASE_UP, 1)
        health = scheduler_health(installation)
        yield _figure(table.SCHEDULERS_UP, health.schedulers)
        if health.silent_s is not None:
            yield _figure(table.SCHEDULER_SILENT, health.silent_s)
        for state, number in counts.runs.items():
            yield _figure(table.RUNS_LIVE, number, state.value)
        yield from of_load(_load(installation, counts))
        for provider, since in counts.untold.items():
            yield _figure(
                table.LISTENER_LAG, 0.0 if since is None else max(0.0, (now - since).total_seconds()), provider
            )
        for dag_id, at in counts.successes.items():
            if at is not None:
                yield _figure(table.LAST_SUCCESS, at.timestamp(), dag_id)
        for file, took_s in counts.imports_s.items():
            yield _figure(table.FILE_IMPORT, took_s, file)


def _load(installation: Installation, counts: Counts) -> Load:
    store, settings = installation.store, installation.settings
    slots = {pool.name: pool.slots for pool in store.config.pools()}
    return load_of(
        counts, store.versions.spec, slots, installation.now(),
        routes=settings.queues, limits=settings.queue_limits, local=LOCAL,
    )  # fmt: skip


def of_load(load: Load) -> Iterator[Record]:
    """What is asked of queues and pools, as figures."""
    for name, queue in load.queues.items():
        yield _figure(table.QUEUE_WAITING, queue.waiting, name)
        yield _figure(table.QUEUE_HELD, queue.held, name)
        yield _figure(table.QUEUE_OLDEST, queue.oldest_s, name)
        yield _figure(table.QUEUE_WANTED, queue.wanted, name)
    for name, pool in load.pools.items():
        yield _figure(table.POOL_SLOTS, pool.slots, name)
        yield _figure(table.POOL_USED, pool.used, name)
        yield _figure(table.POOL_WAITING, pool.waiting, name)
    for name, held in load.executors.items():
        yield _figure(table.EXECUTOR_HELD, held, name)


def _figure(metric: Metric, value: float, *tags: str) -> Record:
    return Record(metric.name, float(value), tags)
