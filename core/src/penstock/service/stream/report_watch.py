"""What processes report into files of the state folder, looked at for whoever is told when it changes."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from penstock.keeper.status import FOLDER as SERVICES
from penstock.logs.shipping_report import FILE as SHIPPING
from penstock.metrics.sink_faults import FILE as SINKS
from penstock.scheduler.executor_faults import FOLDER as EXECUTORS
from penstock.watchers.watcher_status import FILE as WATCHERS

Signature = tuple[int, int, int]


class ReportWatch:
    """Notices when services, executors, metrics sinks, the log shipper or watchers report something else.

    Args:
        state: The state folder.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._seen: dict[Path, tuple[Signature, bytes]] = {}
        self.changed()

    def changed(self) -> bool:
        """Whether what they say is not what it was when this was asked last; what cannot be read says nothing."""
        found = {}
        for path in self._paths():
            try:
                status = path.stat()
                signature = (status.st_ino, status.st_mtime_ns, status.st_size)
                old = self._seen.get(path)
                found[path] = old if old and old[0] == signature else (signature, sha256(path.read_bytes()).digest())
            except OSError:
                continue
        before, self._seen = self._seen, found
        return {path: digest for path, (_, digest) in before.items()} != {
            path: digest for path, (_, digest) in found.items()
        }

    def _paths(self) -> Iterator[Path]:
        yield from (self._state / SERVICES).glob("*.json")
        yield from (self._state / EXECUTORS).glob("*.faults")
        yield from (self._state / name for name in (SINKS, SHIPPING, WATCHERS))
