"""What goes wrong with metrics sinks, kept in a file of the state folder for whoever asks from another process."""

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from penstock.decoders import decode_json
from penstock.errors import as_sentence
from penstock.model.text import shortened
from penstock.processes.files import keep
from penstock.processes.masking import Mask

FILE = "metrics-sinks.json"

_LONGEST = 2_000


class SinkFault(msgspec.Struct, frozen=True):
    """What a sink raised last.

    Attributes:
        fault: As a sentence.
        since: Since when it raises.
        failed: How often it has raised since then.
    """

    fault: str
    since: datetime
    failed: int = 1


class SinkFaults:
    """The faults of all sinks by name; a sink that works again has none.

    Args:
        state: The state folder.
        log: Takes what the user should know, a line each.
        mask: Hides secrets in what a sink raises.
    """

    def __init__(self, state: Path, log: Callable[[str], None], mask: Mask | None = None) -> None:
        self._path, self._log, self._mask = state / FILE, log, mask or Mask()
        self._faults: dict[str, SinkFault] = {}
        self._lock = threading.Lock()
        self._keep()

    def add(self, name: str, fault: str, at: datetime) -> None:
        """Keep a fault; it is told when it is the first, or another one."""
        fault = shortened(self._mask.hide(fault), _LONGEST)
        with self._lock:
            old = self._faults.get(name)
            if old is None or old.fault != fault:
                self._log(
                    f"the metrics sink {name!r} has failed: {as_sentence(fault)} What it was given is not given again."
                )
            self._faults[name] = SinkFault(fault, old.since if old else at, old.failed + 1 if old else 1)
            self._keep()

    def mended(self, name: str) -> None:
        """Note that a sink works."""
        with self._lock:
            mended = self._faults.pop(name, None) is not None
            if mended:
                self._log(f"the metrics sink {name!r} works again")
            if mended or not self._kept:
                self._keep()

    def _keep(self) -> None:
        self._kept = keep(self._path, msgspec.json.encode(self._faults))


def read_sink_faults(state: Path) -> dict[str, SinkFault]:
    """Faults by the names of their sinks; none if no sink has failed."""
    try:
        return decode_json((state / FILE).read_bytes(), dict[str, SinkFault])
    except (OSError, msgspec.MsgspecError):
        return {}
