"""People who change their minds: they trigger, cancel, clear, mark, pause, resize, edit; and hand in what nobody can handle."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from types import SimpleNamespace

from msgspec.structs import replace
from simulator.clock import BEGAN, SimClock
from simulator.dags import POOLS, RATES, random_dag
from simulator.database import opened
from simulator.poison import DAGS, Poison
from simulator.rows import Rows

from penstock.errors import NotFoundError, PenstockError, StoreUnavailableError
from penstock.model.dag import DagSpec
from penstock.model.request import CancelRun, ClearTasks, MarkRun, MarkTask, Request
from penstock.model.source import ParsedFile
from penstock.service import dags
from penstock.store import LoaderCatalog, Pool


class People:
    """The commands and the loader of an installation; they write by a store of their own.

    Args:
        log: Takes what they do.
    """

    def __init__(
        self, folder: Path, random: Random, clock: SimClock, rows: Rows, poison: Poison, log: Callable[..., None]
    ) -> None:
        self._random, self._clock, self._rows, self._poison, self._log = random, clock, rows, poison, log
        self.store = opened(folder)
        self._catalog = LoaderCatalog(self.store, self.store.config.variable_values, lambda: clock.wall)
        self._installation = SimpleNamespace(store=self.store, now=lambda: clock.wall)
        self._dags: dict[str, DagSpec] = {}
        self._names = 0
        for name, slots in POOLS.items():
            self.store.config.put_pool(Pool(name, slots, rate=RATES.get(name)), clock.wall)
        for number in range(random.randint(1, 3)):
            self._define(random_dag(random, f"d{number}", BEGAN))
        for dag in DAGS if poison.rate else ():
            if random.random() < 0.1:
                self._define(dag)

    def close(self) -> None:
        """Close the database."""
        self._catalog.close()
        self.store.close()

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
            for dag_id in self._dags:
                dags.pause(self._installation, dag_id, paused=False)
            for name, slots in POOLS.items():
                self.store.config.put_pool(Pool(name, slots, rate=RATES.get(name)), self._clock.wall)
        except StoreUnavailableError:
            return False
        return True

    def nothing_asked(self) -> bool:
        """Whether the inbox is empty."""
        return not self.store.requests.pending()

    def _define(self, dag: DagSpec) -> None:
        file = ParsedFile(f"{dag.dag_id}.py", "snapshot", {}, {}, None, self._clock.wall, 0.1, (dag,))
        self._catalog.save(file)
        self._dags[dag.dag_id] = dag

    def _submit(self, request: Request) -> None:
        self.store.requests.submit(request, self._clock.wall)

    def _some_run(self) -> int | None:
        live = [run.run for run in self._rows.runs.values() if not run.state.finished]
        runs = live if live and self._random.random() < 0.6 else sorted({*self._rows.runs, *self._poison.runs})
        return self._random.choice(runs) if runs else None

    def _cancel(self) -> None:
        if (run := self._some_run()) is not None:
            self._submit(CancelRun(run, "somebody"))

    def _clear(self) -> None:
        if (run := self._some_run()) is not None:
            tasks = tuple(f"t{n}" for n in self._random.sample(range(10), self._random.randint(0, 2)))
            flags = {"downstream": self._random.random() < 0.7, "only_failed": self._random.random() < 0.4}
            flags["keep_steps"] = self._random.random() < 0.5
            flags["map_index"] = self._random.choice([None, None, None, 0, 1])
            self._submit(ClearTasks(run, tasks, **flags, version=self._some_version(run)))

    def _some_version(self, run: int) -> str:
        """Of the run's DAG: none, its present one, or one that was written just now."""
        if run not in self._rows.runs:
            return ""
        dag_id = self._rows.runs[run].dag_id
        if self._random.random() < 0.2 and dag_id.startswith("d"):
            before, dag = self._dags[dag_id], random_dag(self._random, dag_id, BEGAN)
            limits = {name: getattr(before, name) for name in ("schedule", "max_active_runs", "max_active_tasks")}
            self._define(replace(dag, **limits))
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
        dags.pause(self._installation, dag_id, paused=not state.paused)

    def _resize(self) -> None:
        name = self._random.choice(list(POOLS))
        if self._random.random() < 0.3:
            with suppress(NotFoundError):
                self.store.config.delete_pool(name, self._clock.wall)
        else:
            self.store.config.put_pool(
                Pool(name, self._random.choice([0, 1, 4]), rate=RATES.get(name)), self._clock.wall
            )

    def _trigger(self) -> None:
        dag_id = self._random.choice(sorted(self._dags.keys() - {"unreadable"}))
        self._names += 1
        name = self._random.choice([f"manual__{self._names}", f"scheduled__{self._clock.wall.isoformat()}"])
        with suppress_refusal():
            dags.trigger(self._installation, dag_id, run_id=name)

    def _odd(self) -> None:
        run = self._some_run()
        if not self._poison.rate or run is None:
            return
        asked = self._poison.request(run)
        self._log(f"ODD REQUEST {asked!r:.80}")
        if isinstance(asked, bytes):
            with self.store.transaction() as tx:
                tx.submit_encoded([asked], self._clock.wall)
        else:
            self._submit(asked)


class suppress_refusal:  # noqa: N801 - used as contextlib.suppress is
    """Take a refusal with its sentence for an answer; a database that cannot be had is none."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        """End."""
        return isinstance(error, PenstockError) and not isinstance(error, StoreUnavailableError)
