"""Refuses to call old what a clock that is far ahead would have deleted."""

from datetime import datetime, timedelta

from penstock.model.limits.clock_difference import MOST_DIFFERENCE
from penstock.model.text import utc_text
from penstock.service.installation import Installation
from penstock.settings import RetentionSettings

FAR = timedelta(days=31)
"""For how long nothing was swept, and nothing stored, at least where the clock is doubted."""
_REMEDY = "penstock db prune --clock-is-right"


def clock_doubt(installation: Installation, retention: RetentionSettings) -> str:
    """Why the clock may be wrong by which something would be old, with what to do, as a sentence; "" if nothing speaks for it.

    Each sweep leaves what the clock read, so that one of the last month speaks for the clock, however rarely DAGs run. Without one, who
    works stores something each month: where nothing was stored for longer before the last month, or between what is old and what is
    not, the clock may have been set ahead in between, and all that there was before would be deleted.

    Args:
        installation: The installation.
        retention: After how many days something is old.

    Raises:
        StoreError: The database cannot serve.
    """
    now, swept = installation.now(), installation.store.retention.swept_at()
    if swept is not None and swept > now + MOST_DIFFERENCE:
        return _doubt_of_earlier(now, swept)
    if swept is not None and now - swept <= FAR:
        return ""
    days = {retention.runs_days, retention.logs_days, retention.audit_days, retention.state_days} - {0}
    ages = {timedelta(days=each) for each in days} | ({FAR} if swept else set())
    for age in sorted(ages):
        last, first = installation.store.retention.gap_at(now - age)
        until = min(first or now, now)
        if last is not None and until - last > FAR:
            return _doubt(now, last, until)
    return ""


def _doubt_of_earlier(now: datetime, swept: datetime) -> str:
    return (
        f"nothing old is deleted: the clock reads {utc_text(now)}, and when that was done last it read {utc_text(swept)}. Either it is "
        f"behind now, then set it right; or it was ahead then: if it is right now, {_REMEDY}"
    )


def _doubt(now: datetime, last: datetime, until: datetime) -> str:
    return (
        f"nothing old is deleted: the clock reads {utc_text(now)}, and nothing was stored between {utc_text(last)} and {utc_text(until)}, "
        f"for {(until - last).days:,} days. If the clock was set ahead by mistake, set it right; if it is right, "
        f"and Penstock did not work meanwhile: {_REMEDY}"
    )
