"""Source snapshots packed for executors whose workers are on other machines, in threads that nobody waits for."""

import re
import threading
from concurrent.futures import Future
from pathlib import Path

from penstock.errors import ConfigError, NotFoundError, PenstockError, as_sentence
from penstock.spec.snapshot import pack

_HASH = re.compile("[0-9a-f]{40}")


class PackedSnapshots:
    """Packs snapshots; one that several workers want at the same time is packed once.

    Args:
        folder: The snapshots by their content hash.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._wanted: dict[str, Future[bytes]] = {}

    def get(self, wanted: str) -> Future[bytes]:
        """Have a snapshot packed; the future raises a PenstockError if it is gone or damaged. Returns at once."""
        with self._lock:
            future = self._wanted.get(wanted)
            if future is None:
                future = self._wanted[wanted] = Future()
                # A daemon: a disk that does not answer must not keep the scheduler's process alive.
                threading.Thread(target=self._pack, args=(wanted,), name=f"pack {wanted}", daemon=True).start()
        return future

    def _pack(self, wanted: str) -> None:
        try:
            packed = pack(self._folder / _checked(wanted))
        except PenstockError as error:
            self._take(wanted).set_exception(error)
        except FileNotFoundError as error:
            found = NotFoundError("source snapshot", wanted, hint=f"It cannot be read: {as_sentence(error)}")
            self._take(wanted).set_exception(found)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait for the snapshot are told
            self._take(wanted).set_exception(
                ConfigError(f"the source snapshot {wanted} cannot be read now: {as_sentence(error)}")
            )
        else:
            self._take(wanted).set_result(packed)

    def _take(self, wanted: str) -> Future[bytes]:
        with self._lock:
            return self._wanted.pop(wanted)


def _checked(wanted: str) -> str:
    """A hash that is one: it comes from a worker, and is the name of a folder here."""
    if not _HASH.fullmatch(wanted):
        raise NotFoundError("source snapshot", wanted)
    return wanted
