"""How watchers fare, kept in a file of the state folder for whoever asks from another process."""

from datetime import datetime
from pathlib import Path

import msgspec

from penstock.decoders import decode_json
from penstock.processes.files import keep

FILE = "watchers.json"


class WatcherStatus(msgspec.Struct, frozen=True):
    """What a watcher found at its last look.

    Attributes:
        asset: URI of the asset.
        path: What it looks for.
        looked_at: When it has looked last.
        files: How many files were there.
        problem: Why some may be missing, as a sentence; "" if none are.
        note: What a person may want to know of a look that found nothing.
    """

    asset: str
    path: str
    looked_at: datetime
    files: int = 0
    problem: str = ""
    note: str = ""


def keep_statuses(state: Path, found: list[WatcherStatus]) -> bool:
    """Keep how all watchers fare in the state folder; whether that was possible."""
    return keep(state / FILE, msgspec.json.encode(found))


def read_statuses(state: Path) -> dict[tuple[str, str], WatcherStatus]:
    """How watchers fare, by asset and path, as a process on this machine said last; empty if none has."""
    try:
        found = decode_json((state / FILE).read_bytes(), list[WatcherStatus])
    except (OSError, msgspec.MsgspecError):
        return {}
    return {(each.asset, each.path): each for each in found}
