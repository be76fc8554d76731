"""What the log shipper finds at one look through the logs folder."""

from collections.abc import Callable

from penstock.logs.local_logs import LocalLog
from penstock.model.names import error_reason


class Look:
    """Counts what one look finds, and tells a store that is away from a log that it does not take.

    Args:
        patience: So many logs must fail, and none be taken, until the store counts as away.
        hide: Takes secrets out of a text.

    Attributes:
        logs: Logs on this machine.
        disk: Bytes that logs take on this machine.
        waiting: Bytes that are not shipped.
        unfinished: Logs that are not whole in the store, those of tries that go on included.
        more: Whether one has more to ship at once.
        fault: What went wrong first, as a sentence.
    """

    def __init__(self, patience: int, hide: Callable[[str], str]) -> None:
        self.logs = self.disk = self.waiting = self.unfinished = 0
        self.more = False
        self.fault = ""
        self._patience, self._hide, self._failed, self._taken = patience, hide, 0, 0

    @property
    def away(self) -> bool:
        """Whether the store takes nothing, so that it is no use to offer more."""
        return self._failed >= self._patience and not self._taken

    def found(self, log: LocalLog) -> None:
        """Count a log."""
        self.logs += 1
        self.disk += log.disk

    def left(self, log: LocalLog, *, ended: bool) -> None:
        """Count what is left of a log that was shipped, or skipped."""
        self.waiting += log.unshipped
        self.unfinished += not log.done
        self.more = self.more or bool(log.unshipped) or (ended and not log.done)

    def shipped(self) -> None:
        """Count a log that the store took."""
        self._taken += 1

    def failed(self, error: BaseException) -> None:
        """Count a log that the store, or the disk, did not take."""
        self._failed += 1
        self.fault = self.fault or self._hide(error_reason(error))
