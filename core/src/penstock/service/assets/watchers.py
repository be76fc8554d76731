"""Operations on watchers: what assets are watched for, and how that fares."""

from datetime import datetime

import msgspec

from penstock.model.assets.file_watch import FileWatch
from penstock.service.installation import Installation
from penstock.watchers.watcher_status import WatcherStatus, read_statuses


class WatcherSummary(msgspec.Struct, frozen=True):
    """A watcher of an asset.

    Attributes:
        watch: What it looks for.
        reported: Files of which an event was told, as far as they are remembered.
        last: Path of the newest of them; "" if there is none.
        reported_at: When it was told of.
        status: How its last look on this machine went; None if there was none.
    """

    watch: FileWatch
    reported: int
    last: str
    reported_at: datetime | None
    status: WatcherStatus | None


def watchers_of(installation: Installation, asset: str) -> list[WatcherSummary]:
    """The watchers of an asset, by its URI; raises StoreError."""
    store, found = installation.store.assets.watched, []
    statuses = read_statuses(installation.settings.state_folder)
    for watch in store.watchers(asset).get(asset, []):
        reported = store.reported(asset, watch.path)
        status = statuses.get((asset, watch.path))
        found.append(WatcherSummary(watch, reported.count, reported.path, reported.at, status))
    return found


def all_statuses(installation: Installation) -> list[tuple[str, FileWatch, WatcherStatus | None]]:
    """How each watcher of each asset fares on this machine; raises StoreError."""
    statuses = read_statuses(installation.settings.state_folder)
    watched = installation.store.assets.watched.watchers()
    return [(asset, each, statuses.get((asset, each.path))) for asset, watches in watched.items() for each in watches]
