"""The log store spec: where the logs of tries are kept, so that any machine can read them.

Tries write their logs into files of the machine that runs the scheduler. If the settings name a log store (``[logs] store``), the
log shipper, a process of its own beside the scheduler, follows these files, appends what is new to the store, and seals a log once
its try has ended. ``penstock tasks logs`` reads from the store what this machine has not.

Any object store that is installed serves: its scheme is a log store at once. A provider that knows a better place names it in its
manifest (``[[log_stores]]``) with a URL scheme of its own. Its object is called with the store's URL and the id of its connection, or
None for the default, and returns a `LogStore`. Hooks work in it: it may ask for its connection.

Several threads of the shipper call one store at once, for different logs. A call may raise whatever it likes: the log stays in its
file, and the call is repeated after a pause that grows up to half a minute. A call that takes longer than five minutes ends the
shipper's process, which is started again.
"""

from collections.abc import Iterator
from typing import Protocol


class LogStore(Protocol):
    """Logs by name; a name is made of letters, digits and ``. _ - =``, with slashes between its parts.

    One name may begin another, as ``a/t`` and ``a/t/1`` do: a store of files cannot use names as paths of files.
    """

    def append(self, log: str, offset: int, data: bytes) -> int:
        """Store bytes of a log that begin at an offset; called by the log shipper with the offset at which the store's part ends.

        A shipper that was killed asks again with the same offset, and with the same bytes or more. What the first call stored must
        stand then: nothing may be in the log twice.

        Returns:
            How many bytes the store has from this offset on: those of ``data``, or those that an earlier call stored.
        """

    def seal(self, log: str, size: int) -> None:
        """Note that the log is whole with so many bytes; called once its try has ended, and perhaps again, with more of them."""

    def sealed(self, log: str) -> int | None:
        """The bytes of a log that is whole, by the last `seal`; None for one that may grow, or of which nothing is known."""

    def read(self, log: str, offset: int = 0) -> Iterator[bytes]:
        """What is stored of a log from an offset on, in its order; nothing if it has no such bytes."""

    def delete(self, prefix: str) -> None:
        """Remove the logs whose names begin with a prefix, which ends with a slash; no error if there are none."""
