"""How shipping fares, kept in a file of the state folder for whoever asks from another process."""

from datetime import datetime
from pathlib import Path

import msgspec

from penstock.decoders import decode_json
from penstock.processes.files import keep

FILE = "log-shipping.json"


class ShippingReport(msgspec.Struct, frozen=True):
    """What the log shipper found at its last look.

    Attributes:
        store: URL of the log store.
        folder: The logs folder, whose files it ships.
        fault: What the store or the disk answered last, as a sentence; "" if all went well.
        since: When it began to.
        waiting_mb: Megabytes that are not shipped yet.
        local_mb: Megabytes that logs take on this machine's disk.
        over: Whether that is more than the settings allow, and nothing can go because it is not shipped.
    """

    store: str
    folder: str
    fault: str = ""
    since: datetime | None = None
    waiting_mb: int = 0
    local_mb: int = 0
    over: bool = False

    def keep(self, state: Path) -> bool:
        """Keep it in the state folder; whether that was possible."""
        return keep(state / FILE, msgspec.json.encode(self))


def read_report(state: Path) -> ShippingReport | None:
    """The report in a state folder; None if no shipper has worked there."""
    try:
        return decode_json((state / FILE).read_bytes(), ShippingReport)
    except (OSError, msgspec.MsgspecError):
        return None
