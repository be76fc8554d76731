"""Users who change their minds: they trigger, cancel, clear, mark, pause, resize, edit; and hand in what nobody can handle."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from random import Random

from penstock.errors import NotFoundError, PenstockError, StoreUnavailableError
from penstock.model.dag import DagSpec
from penstock.model.now import Now
from penstock.model.request import CancelRun, ClearTasks, MarkRun, MarkTask, ReportAssetEvent, Request, decode
from penstock.model.source import ParsedFile
from penstock.service import dags
from penstock.service.installation import Installation
from penstock.settings import load_settings
from penstock.store import LoaderCatalog, Pool, Store
from penstock.testing.installed import installed
from penstock.testing.simulation.backfill_users import BackfillUsers
from penstock.testing.simulation.clock import SimulatedClock
from penstock.testing.simulation.database import KEYRING, close, database_of
from penstock.testing.simulation.odd_input import OddInput
from penstock.testing.simulation.rules.past_rules import PastRules
from penstock.testing.simulation.rules.rows import Rows
from penstock.testing.simulation.setting import Setting
from penstock.tries.vault import Vault
from penstock.tries.vault_sources import StoreSource


class Users:
    """The commands and the loader of an installation; they write by a store of their own.

    Args:
        log: Takes what they do.

    Attributes:
        backfill_users: Those among them who run dates of the past; None if nobody does.
        reported: How many events without a key they told of, by asset.
    """

    def __init__(
        self,
        folder: Path,
        random: Random,
        clock: SimulatedClock,
        rows: Rows,
        setting: Setting,
        odd_input: OddInput,
        log: Callable[..., None],
    ) -> None:
        self._random, self._clock, self._rows, self._odd_input, self._log = random, clock, rows, odd_input, log
        self._setting = setting
        self.reported = Counter[str]()
        self._database = database_of(folder)
        self.store = Store.over(self._database, KEYRING)
        self._catalog = LoaderCatalog(self.store, self.store.config.variable_values, lambda: clock.wall)
        self._installation = Installation(
            load_settings({}, folder), _Watch(clock), open_store=lambda _: self.store, find_plugins=installed,
            open_vault=lambda _: Vault([StoreSource(self.store)], lambda _: ()),
        )  # fmt: skip
        self._dags: dict[str, DagSpec] = {}
        self.backfill_users: BackfillUsers | None = None
        self._names = 0
        self._size_pools()
        for dag in setting.dags(random):
            self._define(dag)
        self._edited = frozenset(self._dags)
        for dag in odd_input.dags():
            self._define(dag)

    def may_backfill(self, random: Random, share: float) -> None:
        """Have some of them run dates of the past, in a share of worlds; by a chance of its own, so that others stay as they were."""
        if random.random() < share:
            dags = {dag_id: self._dags[dag_id] for dag_id in self._edited}
            rows, installation = self._rows, self._installation
            self.backfill_users = BackfillUsers(installation, random, dags, lambda: rows.backfills, _refusals_taken)

    def close(self) -> None:
        """Close the database."""
        self._catalog.close()
        self.store.close()
        close(self._database)

    def meddle(self) -> bool:
        """Do something; returns whether the database let them."""
        act = self._random.choice(
            [
                self._cancel,
                self._clear,
                self._clear,
                self._mark,
                self._mark_run,
                self._pause,
                self._resize,
                self._trigger,
                self._odd,
                *([self._report] if self._setting.assets else []),
            ]
        )
        try:
            act()
        except StoreUnavailableError:
            return False
        return True

    def make_peace(self) -> bool:
        """Set everything to what lets all runs end; returns whether the database let them."""
        try:
            if self.backfill_users is not None:
                self.backfill_users.make_peace()
            for dag_id in self._dags:
                dags.pause(self._installation, dag_id, paused=False)
            self._size_pools()
        except StoreUnavailableError:
            return False
        return True

    def mend(self, past: PastRules) -> None:
        """Let go what the past holds for ever: have runs that hold others count as done, or cancel those that they hold."""
        for run in [run for run in self._rows.runs.values() if not run.state.finished]:
            dag, before = self._dags.get(run.dag_id), past.run_before(run)
            if dag is None or before is None or not past.spoiled(before):
                continue
            with suppress(StoreUnavailableError):
                odd = before.run in self._odd_input.runs
                self._submit(CancelRun(run.run, "somebody") if odd else MarkRun(before.run, "success"))

    def nothing_asked(self) -> bool:
        """Whether the inbox is empty."""
        return not self.store.requests.pending()

    def _size_pools(self) -> None:
        for name, slots in self._setting.pools.items():
            self._size(name, slots)

    def _size(self, name: str, slots: int) -> None:
        self.store.config.put_pool(Pool(name, slots, rate=self._setting.rates.get(name)), self._clock.wall)

    def _define(self, dag: DagSpec) -> None:
        file = ParsedFile(f"{dag.dag_id}.py", "snapshot", {}, {}, None, self._clock.wall, 0.1, (dag,))
        self._catalog.save(file)
        self._dags[dag.dag_id] = dag

    def _submit(self, request: Request) -> None:
        self.store.requests.submit(request, self._clock.wall)

    def _some_run(self) -> int | None:
        live = [run.run for run in self._rows.runs.values() if not run.state.finished]
        runs = live if live and self._random.random() < 0.6 else sorted({*self._rows.runs, *self._odd_input.runs})
        return self._random.choice(runs) if runs else None

    def _cancel(self) -> None:
        if (run := self._some_run()) is not None:
            self._submit(CancelRun(run, "somebody"))

    def _clear(self) -> None:
        if (run := self._some_run()) is not None:
            names = self._setting.task_ids
            tasks = tuple(self._random.sample(names, min(len(names), self._random.randint(0, 2))))
            downstream, only_failed = self._random.random() < 0.7, self._random.random() < 0.4
            keep, index = self._random.random() < 0.5, self._random.choice([None, None, None, 0, 1])
            self._submit(ClearTasks(run, tasks, downstream, only_failed, index, self._some_version(run), keep))

    def _some_version(self, run: int) -> str:
        """Of the run's DAG: none, its present one, or one that was written just now."""
        if run not in self._rows.runs:
            return ""
        dag_id = self._rows.runs[run].dag_id
        if self._random.random() < 0.2 and dag_id in self._edited:
            self._define(self._setting.edited(self._random, self._dags[dag_id]))
        state = self.store.dags.state(dag_id)
        return self._random.choice(["", "" if state is None else state.version])

    def _mark(self) -> None:
        keys = sorted(self._rows.tasks)
        if keys:
            key = self._random.choice(keys)
            self._submit(MarkTask(*key, self._random.choice(["success", "failed", "skipped", "nonsense"])))

    def _mark_run(self) -> None:
        if (run := self._some_run()) is not None:
            self._submit(MarkRun(run, self._random.choice(["success", "failed", "nonsense"])))

    def _pause(self) -> None:
        dag_id = self._random.choice(sorted(self._dags))
        state = self.store.dags.state(dag_id)
        if state is not None:
            dags.pause(self._installation, dag_id, paused=not state.paused)

    def _resize(self) -> None:
        name = self._random.choice(list(self._setting.pools))
        if self._random.random() < 0.3:
            with suppress(NotFoundError):
                self.store.config.delete_pool(name, self._clock.wall)
        else:
            self._size(name, self._random.choice([0, 1, 4]))

    def _trigger(self) -> None:
        dag_id = self._random.choice(sorted(self._dags.keys() - {*self._odd_input.untriggered}))
        self._names += 1
        name = self._random.choice([f"manual__{self._names}", f"scheduled__{self._clock.wall.isoformat()}"])
        with _refusals_taken():
            dags.trigger(self._installation, dag_id, run_id=name)

    def _report(self) -> None:
        asset, key = self._random.choice(self._setting.assets), self._random.choice([None, None, "k1", "k2", "k3"])
        self._submit(ReportAssetEvent(asset, {}, key))
        self.reported[asset] += key is None

    def _odd(self) -> None:
        run = self._some_run()
        asked = None if run is None else self._odd_input.request(run)
        if asked is None:
            return
        self._log(f"ODD REQUEST {asked!r:.80}")
        if isinstance(asked, bytes):
            with self.store.transaction() as tx:
                tx.submit([decode(asked)], self._clock.wall)
        else:
            self._submit(asked)


class _Watch:
    """What people read the time from, who are not the scheduler."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        """The time of day."""
        return self._clock.wall

    def read(self) -> Now:
        """The present on both clocks."""
        return Now(self._clock.wall, self._clock.monotonic_s)


@contextmanager
def _refusals_taken() -> Iterator[None]:
    """Take a refusal with its sentence for an answer; a database that cannot be had is none."""
    try:
        yield
    except StoreUnavailableError:
        raise
    except PenstockError:
        return
