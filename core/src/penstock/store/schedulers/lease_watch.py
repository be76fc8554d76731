"""Which leases of others have ended, though the clock of the database may be set while they are watched.

A lease that is renewed changes. So one that changes is not over, whatever the clock of the database reads by now, and one that has not
changed for long is, by the clock of who watches, which nobody sets. A lease that was over when it was first seen is believed to be.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

_UNRENEWED = 0.8
"""Part of a lease for which one that is over has not changed: it was first seen shortly after it was renewed."""
_SET_BACK = 3.0
"""Leases after which one that has not changed is over, though by the clock of the database it is not."""

_LONGEST_S = 600.0
"""As long as a lease is taken to be at most: one that was first seen after the clock was set back seems to have years left."""


class SeenLease(NamedTuple):
    """A lease of another scheduler, as the database has it.

    Attributes:
        number: The scheduler.
        until: When it ends.
        left_s: Seconds until then by the clock of the database; less than 0 if it is over.
    """

    number: int
    until: datetime
    left_s: float


class _Watched(NamedTuple):
    lease: SeenLease
    since_s: float


class LeaseWatch:
    """Watches the leases of others.

    Args:
        lease_s: Seconds for which the own one is good after it was renewed; those of others may be longer.
    """

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._watched: dict[int, _Watched] = {}

    def ended(self, leases: Iterable[SeenLease], now_s: float) -> list[SeenLease]:
        """Those that have ended.

        Args:
            leases: All that there are now.
            now_s: The monotonic instant.
        """
        before, self._watched = self._watched, {}
        return [lease for lease in leases if self._is_over(lease, before.get(lease.number), now_s)]

    def _is_over(self, lease: SeenLease, known: _Watched | None, now_s: float) -> bool:
        if known is None or known.lease.until != lease.until:
            known = _Watched(lease, now_s)
        self._watched[lease.number] = known
        unchanged_s, lease_s = now_s - known.since_s, min(known.lease.left_s, _LONGEST_S)
        if lease.left_s < 0:
            return unchanged_s >= _UNRENEWED * lease_s
        return unchanged_s >= _SET_BACK * max(self._lease_s, lease_s)
