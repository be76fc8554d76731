"""Users who run dates of the past: they start backfills, and pause, resume and cancel them."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from random import Random

from penstock.errors import StoreUnavailableError
from penstock.model.backfills.backfill import Backfill, BackfillState, Rerun
from penstock.model.dag import DagSpec
from penstock.service.backfills.backfills import create_backfill, set_backfill
from penstock.service.backfills.plan import plan_backfill
from penstock.service.installation import Installation

_MOST_DATES = 4


class BackfillUsers:
    """What they do, drawn from a chance of its own.

    Args:
        dags: The DAGs as somebody has written them last, by id.
        backfills: The backfills that the scheduler knows, by number.
        refusals_taken: Takes a refusal for an answer.
    """

    def __init__(
        self,
        installation: Installation,
        random: Random,
        dags: Mapping[str, DagSpec],
        backfills: Callable[[], Mapping[int, Backfill]],
        refusals_taken: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._installation, self._random, self._dags = installation, random, dags
        self._backfills, self._refusals_taken = backfills, refusals_taken

    def act(self) -> float:
        """Do something; returns after how many seconds they do the next thing."""
        live = [row.number for row in self._backfills().values() if not row.state.final]
        try:
            with self._refusals_taken():
                if live and self._random.random() < 0.6:
                    states = (BackfillState.PAUSED, BackfillState.RUNNING, BackfillState.CANCELLED)
                    set_backfill(self._installation, self._random.choice(live), self._random.choice(states))
                else:
                    self._create()
        except StoreUnavailableError:
            return 1.0
        return self._random.uniform(0, 200)

    def make_peace(self) -> None:
        """Resume what is paused; raises StoreUnavailableError if the database does not let them."""
        for row in self._backfills().values():
            if row.state is not BackfillState.CANCELLED and not row.state.final:
                with self._refusals_taken():
                    set_backfill(self._installation, row.number, BackfillState.RUNNING)

    def _create(self) -> None:
        random = self._random
        dag = self._dags[random.choice(sorted(self._dags))]
        every = timedelta(seconds=dag.schedule.every_s)
        since = self._installation.now() - every * random.randint(1, 6)
        names = [task.task_id for task in dag.tasks]
        tasks = random.sample(names, min(len(names), random.choice([0, 0, 1, 2])))
        plan = plan_backfill(
            self._installation, dag.dag_id, since, since + every * random.randint(0, _MOST_DATES - 1),
            tasks=tasks, upstream=random.random() < 0.3, downstream=random.random() < 0.3,
            backwards=random.random() < 0.3, max_active_runs=random.randint(1, 3), rerun=random.choice(list(Rerun)),
        )  # fmt: skip
        create_backfill(self._installation, plan)
