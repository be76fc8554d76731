"""Looks now and then at what no notice tells: DAG files that cannot be imported, an installation that is not well."""

from collections.abc import Callable, Iterable, Sequence

from penstock.alerts.rules import Rules
from penstock.alerts.trouble import Trouble, compared
from penstock.model.state import AlertEvent
from penstock.notify.alerts.alert_watch import alerts_of
from penstock.notify.alerts.lateness import Clocks
from penstock.store import Store

FILES_S = 30.0
"""Seconds between two looks at the problems of DAG files, and at whether a scheduler runs."""

PARTS_S = 300.0
"""Seconds between two looks at all that `penstock doctor` looks at."""

_OF_FILES = (AlertEvent.IMPORT_BROKEN, AlertEvent.IMPORT_MENDED)
_OF_PARTS = (AlertEvent.UNWELL, AlertEvent.WELL)
_NO_SCHEDULER = Trouble("the scheduler", "No scheduler works on the database. See the terminal of `penstock up`.")


class Health:
    """Makes alerts of what is wrong with the installation; a part of the notifier, at rest unless a rule asks for it.

    What is wrong is noted in the transaction that stores the alert, and told once until it is right again.

    Args:
        store: The open database.
        rules: Those of the installation.
        clocks: The two clocks.
        examine: Finds what is wrong with the installation, files and scheduler left aside.
    """

    def __init__(self, store: Store, rules: Rules, clocks: Clocks, examine: Callable[[], Iterable[Trouble]]) -> None:
        self._store, self._rules, self._clocks, self._examine = store, rules, clocks, examine
        self._of_files, self._of_parts = rules.asks_for(*_OF_FILES), rules.asks_for(*_OF_PARTS)
        self._due = clocks.monotonic() if self._of_files or self._of_parts else None
        self._examine_at = clocks.monotonic()
        self._found: list[Trouble] = []
        self._was_alone = False
        self.readable: Sequence[int] = ()
        self.writable: Sequence[int] = ()
        self.busy = False

    @property
    def due(self) -> float | None:
        """Monotonic instant of the next look; None for never."""
        return self._due

    def woken(self) -> None:
        """Note nothing: what it looks at sends no notice."""

    def step(self, *, more: bool = True) -> None:
        """Look, if that is due; raises StoreError."""
        now = self._clocks.monotonic()
        if not more or self._due is None or now < self._due:
            return
        self._due = now + FILES_S
        if self._of_files:
            broken = self._store.dags.problems().items()
            files = [Trouble(name, "\n".join(each.problems), of_file=True) for name, each in broken if each.problems]
            self._keep(files, files=True)
        if self._of_parts:
            if now >= self._examine_at:
                self._examine_at, self._found = now + PARTS_S, list(self._examine())
            self._keep([*self._found, *self._scheduler()], files=False)

    def finish(self) -> None:
        """There is nothing left to store."""

    def close(self) -> None:
        """It has no processes."""

    def _scheduler(self) -> list[Trouble]:
        """The scheduler, if there was none at the last look either: one that ended has a moment to be started again."""
        was_alone, self._was_alone = self._was_alone, not self._store.role.holders()
        return [_NO_SCHEDULER] if self._was_alone and was_alone else []

    def _keep(self, present: Iterable[Trouble], *, files: bool) -> None:
        found = compared(present, self._store.alerts.troubles(), self._clocks.now(), files=files)
        if found.began or found.ended:
            alerts = [alert for each in found.happened for alert in alerts_of(each, self._rules, None)]
            self._store.alerts.keep(alerts, began=found.began, ended=found.ended)
