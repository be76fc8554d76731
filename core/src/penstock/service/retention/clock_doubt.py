"""Refuses to call old what a clock that is far ahead would have deleted."""

from datetime import datetime, timedelta

from penstock.model.text import utc_text
from penstock.service.installation import Installation
from penstock.settings import RetentionSettings

FAR = timedelta(days=31)
"""For how long nothing was stored at least where the clock is doubted."""


def clock_doubt(installation: Installation, retention: RetentionSettings) -> str:
    """Why the clock may be wrong by which something would be old, with what to do, as a sentence; "" if nothing speaks for it.

    Who works stores something each day. Where nothing was stored for long between what is old and what is not, the clock may have
    been set ahead in between, and all that there was before would be deleted.

    Args:
        installation: The installation.
        retention: After how many days something is old.

    Raises:
        StoreError: The database cannot serve.
    """
    now = installation.now()
    for days in {retention.runs_days, retention.logs_days, retention.audit_days, retention.state_days} - {0}:
        last, first = installation.store.retention.gap_at(now - timedelta(days=days))
        until = min(first or now, now)
        if last is not None and until - last > FAR:
            return _doubt(now, last, until)
    return ""


def _doubt(now: datetime, last: datetime, until: datetime) -> str:
    return (
        f"nothing old is deleted: the clock reads {utc_text(now)}, and nothing was stored between {utc_text(last)} and {utc_text(until)}, "
        f"for {(until - last).days:,} days. If the clock was set ahead by mistake, set it right; if it is right, "
        "and Penstock did not work meanwhile: penstock db prune --clock-is-right"
    )
