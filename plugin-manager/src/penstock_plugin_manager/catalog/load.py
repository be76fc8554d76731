"""Loading catalogs: the project's in their order, then the one that ships with the manager."""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from penstock_plugin_manager.catalog.entry import CatalogEntry, merge, read_catalog
from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.index.cache import DownloadCache
from penstock_plugin_manager.index.client import Client
from penstock_plugin_manager.index.network import shown

_FRESH = 3600.0


def load_catalogs(
    locations: list[str], client: Client, note: Callable[[str], None], *, refresh: bool = False
) -> dict[str, CatalogEntry]:
    """Return the entries of all catalogs, the earlier place winning over the later.

    A catalog that does not answer is replaced by its last copy on this machine; without one it is passed over. Both are noted.

    Raises:
        ManagerError: a file or an answer is no catalog.
    """
    found = [_load(place, client, note, refresh=refresh) for place in locations]
    return merge([*found, _shipped(note)])


def _shipped(note: Callable[[str], None]) -> list[CatalogEntry]:
    path = Path(__file__).with_name("shipped.json")
    return _parse(path.read_bytes(), "the shipped catalog", note)


def _load(place: str, client: Client, note: Callable[[str], None], *, refresh: bool) -> list[CatalogEntry]:
    if not place.startswith(("http://", "https://")):
        return _parse(client.fetch(place).body, shown(place), note)
    cache, name = DownloadCache("catalogs"), f"{hashlib.sha256(place.encode()).hexdigest()[:24]}.json"
    kept = cache.read(name) if client.offline else None if refresh else cache.read(name, _FRESH)
    if kept is not None:
        return _parse(kept, shown(place), note)
    try:
        body = client.fetch(place, "application/json").body
    except ManagerError as error:
        kept = cache.read(name)
        note(
            f"Catalog {shown(place)} was not read ({error}) {'' if kept is None else '; its last copy is used'}".strip()
        )
        return [] if kept is None else _parse(kept, shown(place), note)
    entries = _parse(body, shown(place), note)
    cache.write(name, body)
    return entries


def _parse(body: bytes, place: str, note: Callable[[str], None]) -> list[CatalogEntry]:
    try:
        data = json.loads(body.removeprefix(codecs.BOM_UTF8))
    except (ValueError, RecursionError):
        raise ManagerError(f"{place} is no provider catalog: it is no JSON.", "Check the address.") from None
    return read_catalog(data, place, note)
