"""Whether objects have been left alone for a while: what sensors share that wait for uploads of unknown length."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from penstock.errors import FailTask


class UnchangedObjects:
    """What one wait has seen of the objects under a prefix.

    The time is measured from the newest object's own time of change, so that the wait survives a restart of whoever waits. Names
    are not kept, but a sum of their hashes, by which vanished ones are noticed; hashes alone are kept if they must be told
    apart from objects that were only written anew.

    Args:
        inactivity_period: How long nothing may have changed, as timedelta or seconds.
        min_objects: Fewer objects never count as complete; with 0, neither need there be any.
        allow_delete: Whether objects may vanish meanwhile; if not, that fails the task.
    """

    def __init__(self, inactivity_period: timedelta | float, *, min_objects: int, allow_delete: bool) -> None:
        if not isinstance(inactivity_period, timedelta):
            inactivity_period = timedelta(seconds=inactivity_period)
        self._period = inactivity_period
        self._min_objects = min_objects
        self._names: set[int] | None = None if allow_delete else set()
        self._sum = 0
        self._newest: datetime | None = None
        self._vanished_at: datetime | None = None
        self._began_at: datetime | None = None

    def are_complete(self, found: Iterable[tuple[str, datetime]], now: datetime, prefix: str) -> bool:
        """Look at the objects that are there now.

        Args:
            found: The name of each, and when it was changed.
            now: The time.
            prefix: What they are under, for the message.

        Raises:
            penstock.errors.FailTask: Some have vanished, and may not.
        """
        names = None if self._names is None else set[int]()
        count, every, old = 0, 0, 0
        newest: datetime | None = None
        for name, changed_at in found:
            hashed = hash(name)
            count, every = count + 1, every + hashed
            if self._newest is not None and changed_at <= self._newest:
                old += hashed
            newest = changed_at if newest is None else max(newest, changed_at)
            if names is not None:
                names.add(hashed)
        if names is not None and self._names is not None and (gone := len(self._names - names)):
            raise FailTask(f"{gone} objects under {prefix!r} vanished while the task waited")
        if old != self._sum:  # some have vanished or were written anew
            self._vanished_at = now
        self._names, self._sum, self._newest = names, every, newest
        self._began_at = self._began_at or now
        if count < self._min_objects:
            return False
        quiet_since = newest or self._began_at
        return now - max(quiet_since, self._vanished_at or quiet_since) >= self._period
