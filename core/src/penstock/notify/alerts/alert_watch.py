"""Makes alerts of notices: who is to be told of a change of a state, decided once and stored with what it was decided on."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from penstock.alerts.occurrence import Occurrence, occurrence_of, recovery_after, recovery_by
from penstock.alerts.rules import Rules
from penstock.errors import StoreError
from penstock.model.dag import DagSpec
from penstock.model.notice import Notice
from penstock.model.state import AlertEvent, TaskState
from penstock.store import ALERTS, NewAlert, Store

BATCH = 500
"""Notices that become alerts in one transaction."""

_encode = msgspec.json.Encoder().encode


class AlertWatch:
    """Makes alerts of notices; a part of the notifier.

    How far it has come is stored in the transaction that stores the alerts, so that a kill neither loses one nor makes it twice.

    Args:
        store: The open database.
        rules: Those of the installation; those of a DAG come with the version that its run is pinned to.
        begun: Called when a run or a task of which rules may speak has begun.
        report: Takes what the user should know, a line each.
    """

    def __init__(self, store: Store, rules: Rules, begun: Callable[[], None], report: Callable[[str], None]) -> None:
        self._store, self._rules, self._begun, self._report = store, rules, begun, report
        self._known: set[str] = set()
        self._stale = True
        self.readable: Sequence[int] = ()
        self.writable: Sequence[int] = ()
        self.busy = False

    @property
    def due(self) -> float | None:
        """0 while there are notices to read, else None: it waits for them."""
        return 0.0 if self._stale else None

    def woken(self) -> None:
        """Note that there may be new notices."""
        self._stale = True

    def step(self, *, more: bool = True) -> None:
        """Make alerts of the next notices; raises StoreError."""
        if not (more and self._stale):
            return
        after = next(row.acknowledged for row in self._store.outbox.listeners() if row.provider == ALERTS)
        found = self._store.outbox.notices(after, BATCH)
        self._stale = len(found) == BATCH
        if found:
            self._keep([notice for _, notice in found], (after, found[-1][0]))
            if any(notice.state == TaskState.RUNNING for _, notice in found):
                self._begun()

    def finish(self) -> None:
        """There is nothing left to store."""

    def close(self) -> None:
        """It has no processes."""

    def _keep(self, notices: Sequence[Notice], moved: tuple[int, int]) -> None:
        happened = [each for notice in notices if (each := occurrence_of(notice)) is not None]
        dags = {version: self._dag(version) for version in {each.version for each in happened}}
        troubles = self._troubles(happened, dags)
        alerts: list[NewAlert] = []
        began: dict[str, datetime] = {}
        ended: dict[str, None] = {}
        for each in happened:
            dag, name = dags[each.version], each.trouble
            alerts += alerts_of(each, self._rules, dag)
            after, by = recovery_after(each.event), recovery_by(each.event)
            if after is not None and self._asked_for(after, each, dag):
                began[name] = troubles[name] = each.at
                ended.pop(name, None)
            elif by is not None and name in troubles:
                alerts += alerts_of(msgspec.structs.replace(each, event=by), self._rules, dag)
                del troubles[name]
                began.pop(name, None)
                ended[name] = None
        self._store.alerts.keep(alerts, moved=moved, began=list(began.items()), ended=list(ended))

    def _troubles(self, happened: Iterable[Occurrence], dags: dict[str, DagSpec | None]) -> dict[str, datetime]:
        """What is noted as failed of that which has succeeded now."""
        names = [
            each.trouble
            for each in happened
            if (by := recovery_by(each.event)) is not None and self._asked_for(by, each, dags[each.version])
        ]
        return self._store.alerts.troubles(names) if names else {}

    def _asked_for(self, event: AlertEvent, happened: Occurrence, dag: DagSpec | None) -> bool:
        return next(self._rules.of(event, happened.dag_id, dag, happened.task_id), None) is not None

    def _dag(self, version: str) -> DagSpec | None:
        """The DAG as a run is pinned to it; None if it cannot be had, which leaves the rules of the installation."""
        try:
            return self._store.versions.spec(version)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - what is stored of one DAG must not keep the alerts of all from being made
            if version not in self._known:
                self._known.add(version)
                self._report(f"the alerts of a DAG cannot be read: {error}")
            return None


def alerts_of(happened: Occurrence, rules: Rules, dag: DagSpec | None) -> list[NewAlert]:
    """The alerts of what happened, one for each who is told."""
    found = []
    for target in rules.targets(happened, dag):
        named = msgspec.structs.replace(happened, callback=target.callback) if target.callback else happened
        found.append(NewAlert(target.channel, named.key, named.at, _encode(named).decode()))
    return found
