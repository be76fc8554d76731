"""Operations on the change feed: what has changed since a position."""

from collections.abc import Sequence

import msgspec

from penstock.errors import RequestError
from penstock.model.access.permission import Permission
from penstock.model.feed.delta import Delta
from penstock.model.feed.position import FeedPosition, FeedRow
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.service.stream.report_watch import ReportWatch
from penstock.service.stream.sight import Sight

LONGEST_PAGE = 200
"""Rows of the feed in a page at most; each holds what one transaction has changed."""


class ChangePage(msgspec.Struct, frozen=True):
    """What has changed, oldest first.

    Attributes:
        after: What to pass for what comes next.
        reset: Whether changes between were dropped, or are another database's: what is known is to be read anew, and followed
            from ``after`` on.
    """

    deltas: list[Delta]
    after: str
    reset: bool = False


@operation("GET", "/changes", needs=Permission.DAGS_READ, subject="")
def list_changes(installation: Installation, *, after: str = "", limit: int = LONGEST_PAGE) -> ChangePage:
    """List what has changed since a position, as far as whoever asks may see it; waits for nothing.

    Args:
        installation: The installation.
        after: The position; the present if empty, so that the page is empty and says where to follow from.
        limit: How many transactions at most.

    Raises:
        RequestError: The position or the limit is none.
        StoreError: The database failed.
    """
    if not 1 <= limit <= LONGEST_PAGE:
        raise RequestError(f"limit = {limit} is no length of a page of changes. Choose 1 to {LONGEST_PAGE}.")
    feed, position = installation.store.feed, FeedPosition.of(after) if after else None
    feed.attend(installation.now())
    rows = [] if position is None else feed.rows(position, limit=limit)
    if rows is None or position is None:
        return ChangePage([], str(feed.position()), reset=rows is None)
    sight = Sight(installation)
    seen = [delta for row in rows for delta in row.deltas if sight.sees(delta)]
    return ChangePage(seen, str(rows[-1].position if rows else position))


class ChangeFollower:
    """Follows the feed of an installation for many who look on, each of whom sees what `Sight` lets through.

    Args:
        installation: The installation; its principal sees all.
    """

    def __init__(self, installation: Installation) -> None:
        self._feed, self._now = installation.store.feed, installation.now
        self._watch = self._feed.watch()
        self._report_watch, self._outgrown = (
            ReportWatch(installation.settings.state_folder),
            installation.store.outgrown,
        )

    def position(self) -> FeedPosition:
        """Where the feed ends now; raises StoreError."""
        self._feed.attend(self._now())
        return self._feed.position()

    def moved(self) -> bool:
        """Whether something may have changed since this was asked last; raises StoreError."""
        self._feed.attend(self._now())
        return self._watch.moved()

    def rows(self, after: FeedPosition, until: FeedPosition | None = None) -> Sequence[FeedRow] | None:
        """A page of what was told after a position; None if that is lost. Raises StoreError."""
        return self._feed.rows(after, until=until)

    def reported(self) -> bool:
        """Whether services and others that report into files have said something else since this was asked last."""
        return self._report_watch.changed()

    def outgrown(self) -> str:
        """Why nothing that is stored may be read any more: the schema has left this code behind; "" if it has not. Raises StoreError."""
        return self._outgrown() or ""

    def close(self) -> None:
        """Follow no more; the installation stays open."""
        self._watch.close()
