"""Loading catalogs: the project's in their order, then the one that ships with the manager."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from penstock_plugin_manager.catalog.entry import Entry, merge, read_catalog
from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.index.fetch import fetch

_FRESH = 3600.0


def load_catalogs(
    places: list[str], *, offline: bool, note: Callable[[str], None], refresh: bool = False
) -> dict[str, Entry]:
    """Return the entries of all catalogs, the earlier place winning over the later.

    A catalog that does not answer is replaced by its last copy on this machine; without one it is passed over. Both are noted.

    Raises:
        ManagerError: a file or an answer is no catalog.
    """
    found = [_load(place, offline=offline, note=note, refresh=refresh) for place in places]
    return merge([*found, shipped()])


def shipped() -> list[Entry]:
    """Return the catalog that ships with the manager."""
    path = Path(__file__).with_name("shipped.json")
    return read_catalog(json.loads(path.read_text(encoding="utf-8")), "the shipped catalog")


def _load(place: str, *, offline: bool, note: Callable[[str], None], refresh: bool) -> list[Entry]:
    if not place.startswith(("http://", "https://")):
        return _parse(fetch(place).body, place)
    copy = cache_folder() / "catalogs" / f"{hashlib.sha256(place.encode()).hexdigest()[:24]}.json"
    fresh = copy.is_file() and time.time() - copy.stat().st_mtime < _FRESH
    if copy.is_file() and (offline or (fresh and not refresh)):
        return _parse(copy.read_bytes(), place)
    try:
        body = fetch(place, "application/json", offline=offline).body
    except ManagerError as error:
        note(f"Catalog {place} was not read ({error}) {'; its last copy is used' if copy.is_file() else ''}".strip())
        return _parse(copy.read_bytes(), place) if copy.is_file() else []
    entries = _parse(body, place)
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        temporary = copy.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(body)
        temporary.replace(copy)
    except OSError:
        pass
    return entries


def _parse(body: bytes, place: str) -> list[Entry]:
    try:
        data = json.loads(body)
    except ValueError:
        raise ManagerError(f"{place} is no provider catalog: it is no JSON.", "Check the address.") from None
    return read_catalog(data, place)


def cache_folder() -> Path:
    """Return the manager's cache on this machine: ``PENSTOCK_CACHE``, or the user's cache folder."""
    named = os.environ.get("PENSTOCK_CACHE")
    if named:
        return Path(named)
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(home) if home else Path.home() / ".cache") / "penstock"
