"""Whether the clock of this machine agrees with that of the database, and with what was stored last."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from penstock.model.limits.clock_difference import MOST_DIFFERENCE
from penstock.model.text import utc_text
from penstock.service.doctor.finding import Finding, Severity
from penstock.service.installation import Installation
from penstock.service.retention.clock_doubt import clock_doubt
from penstock.store import DagState

_NOTED = timedelta(minutes=1)
_NAMED = 5


def check_clocks(installation: Installation) -> Iterator[Finding]:
    """Compare the clock with others, with what was stored last and with how far schedules have come; tell the differences."""
    if not installation.has_database or installation.lost_database:
        return
    store, now = installation.store, installation.now()
    theirs = store.figures.present()
    if theirs is not None:
        yield _difference(now, theirs)
    last = store.retention.last_stored()
    if last is not None and last > now + MOST_DIFFERENCE:
        detail = (
            f"it reads {utc_text(now)}, and what was stored last is of {utc_text(last)}, {_span(last - now)} later: either it is behind "
            "now, or it was ahead then. Compare it with the right time"
        )
        yield Finding(Severity.BAD, "clock", detail)
    yield from _schedules(installation, now)
    if doubt := clock_doubt(installation, installation.settings.retention):
        yield Finding(Severity.NOTE, "retention", doubt)


def _difference(now: datetime, theirs: datetime) -> Finding:
    difference = abs(theirs - now)
    severity = Severity.OK if difference < _NOTED else Severity.NOTE if difference < MOST_DIFFERENCE else Severity.BAD
    which = "ahead of" if theirs > now else "behind"
    if severity is Severity.OK:
        return Finding(severity, "clock", f"within {_NOTED / timedelta(seconds=1):g} s of that of the database")
    detail = (
        f"it reads {utc_text(now)}, that of the database is {_span(difference)} {which} it. Schedules go by this machine's, "
        "leases of schedulers by the database's: keep both right, such as by NTP"
    )
    return Finding(severity, "clock", detail)


def _schedules(installation: Installation, now: datetime) -> Iterator[Finding]:
    """Schedules that were worked off beyond the present, while the clock was ahead."""
    found = [each for each in installation.store.dags.states() if isinstance(each, DagState) and each.active]
    ahead = [each for each in found if each.cursor is not None and each.cursor > now + MOST_DIFFERENCE]
    stuck = [each.dag_id for each in ahead if installation.store.backfills.last_due(each.dag_id, now) is None]
    if ahead:
        furthest = max(each.cursor for each in ahead if each.cursor is not None)
        names = [each.dag_id for each in ahead]
        detail = (
            f"runs of {_names(names)} were made for times to come, up to {utc_text(furthest)}, {_span(furthest - now)} from now, by a "
            "clock that was ahead. None is made twice; delete those that ran too early, and each is made in its time: penstock runs delete"
        )
        yield Finding(Severity.BAD, "schedules", detail)
    if stuck:
        detail = (
            f"of {_names(stuck)} no run is kept that fell due by now, so that nothing falls due until then. If the clock is right, "
            "have each go on from now: penstock dags pause DAG, penstock dags unpause DAG"
        )
        yield Finding(Severity.BAD, "schedules that stand still", detail)


def _names(dag_ids: list[str]) -> str:
    more = f" and {len(dag_ids) - _NAMED:,} more DAGs" if len(dag_ids) > _NAMED else ""
    return ", ".join(map(repr, dag_ids[:_NAMED])) + more


def _span(span: timedelta) -> str:
    return (
        f"{span.days:,} days" if span >= timedelta(days=2) else str(span // timedelta(seconds=1) * timedelta(seconds=1))
    )
