"""A catalog's entries, and reading them from JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from penstock_manifest.format import Manifest, plain
from penstock_manifest.judge import read_data
from penstock_manifest.keys import STATES

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.model.names import is_id
from penstock_plugin_manager.model.requirement import newest

SCHEMA = 1
_DISTRIBUTION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?\Z")
_VERSION = re.compile(r"[A-Za-z0-9.!+_-]{1,100}\Z")


class Release(NamedTuple):
    """One version of a provider.

    Attributes:
        verdicts: Core version to ``pass`` or ``fail``, from tests that ran; a pair that is not named is untested.
    """

    version: str
    core: str = ""
    spec: str = ""
    requires_python: str = ""
    download: int | None = None
    disk: int | None = None
    yanked: bool = False
    verdicts: Mapping[str, str] = MappingProxyType({})


class CatalogEntry(NamedTuple):
    """One provider as a catalog describes it; the manifest is that of its newest version."""

    id: str
    distribution: str
    data: dict[str, Any]
    releases: tuple[Release, ...]
    state: str = "stable"
    replacement: str = ""
    until: str = ""
    origin: str = ""

    @property
    def manifest(self) -> Manifest | None:
        """Return the manifest, or None where the catalog's copy is not valid."""
        return read_data(self.data).manifest

    def release(self, version: str) -> Release | None:
        """Return one version, or None."""
        return next((each for each in self.releases if each.version == version), None)

    def newest(self) -> str:
        """Return the newest version that is not yanked, or an empty string."""
        return newest(each.version for each in self.releases if not each.yanked) or ""


def read_catalog(data: object, origin: str, note: Callable[[str], None]) -> list[CatalogEntry]:
    """Read a catalog's JSON; texts in it are made safe to show.

    Args:
        data: The parsed document.
        origin: Where it comes from.
        note: Told of each entry that cannot be read; it is left out, and the others stand.

    Raises:
        ManagerError: it is none, or of a schema that is not known here.
    """
    if not isinstance(data, dict) or not isinstance(data.get("providers"), list):
        raise ManagerError(f"{origin} is no provider catalog.", "A catalog is made with: plugin-manager catalog build")
    if data.get("schema") != SCHEMA:
        raise ManagerError(
            f"{origin} has catalog schema {plain(repr(data.get('schema')), 50)}; this manager reads {SCHEMA}.",
            "Update the manager.",
        )
    found = []
    for number, item in enumerate(data["providers"], start=1):
        try:
            found.append(_entry(item, origin))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            name = item.get("id") if isinstance(item, dict) else None
            what = plain(repr(name), 100) if isinstance(name, str) else f"entry {number}"
            reason = plain(f"{error!r}" if isinstance(error, KeyError) else str(error), 200)
            note(f"{what} of catalog {origin} is left out, as it cannot be read: {reason}")
    return found


def _entry(item: dict[str, Any], origin: str) -> CatalogEntry:
    provider_id, distribution = _text(item["id"]), _text(item["distribution"])
    if not is_id(provider_id):
        raise ValueError(f"{provider_id!r} is no provider id")
    if not _DISTRIBUTION.match(distribution):
        raise ValueError(f"{distribution!r} is no name of a distribution")
    state = _text(item.get("state", "stable"))
    if state not in STATES:
        raise ValueError(f"its state {state!r} is none of {', '.join(STATES)}")
    releases = tuple(_release(each) for each in item["releases"])
    return CatalogEntry(
        provider_id, distribution, dict(item["manifest"]), releases, state,
        _text(item.get("replacement", "")), _text(str(item.get("until", ""))), origin,
    )  # fmt: skip


def _release(item: dict[str, Any]) -> Release:
    version = _text(item["version"])
    if not _VERSION.match(version):
        raise ValueError(f"{version!r} is no version")
    verdicts = {_text(core): verdict for core, verdict in dict(item.get("verdicts", {})).items()}
    unknown = next((each for each in verdicts.values() if each not in ("pass", "fail")), None)
    if unknown is not None:
        raise ValueError(f"the verdict {unknown!r} on {version} is neither pass nor fail")
    return Release(
        version, _text(item.get("core", "")), _text(item.get("spec", "")), _text(item.get("requires-python", "")),
        _size(item.get("download")), _size(item.get("disk")), item.get("yanked", False) is True, verdicts,
    )  # fmt: skip


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return plain(value)


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def write_catalog(entries: Iterable[CatalogEntry]) -> dict[str, Any]:
    """Return the JSON form of entries, the same for equal entries."""
    return {"schema": SCHEMA, "providers": [_item(each) for each in sorted(entries, key=lambda each: each.id)]}


def _item(entry: CatalogEntry) -> dict[str, Any]:
    releases = []
    for each in entry.releases:
        data: dict[str, Any] = {"version": each.version}
        pairs = (
            ("core", each.core), ("spec", each.spec), ("requires-python", each.requires_python),
            ("download", each.download), ("disk", each.disk), ("yanked", each.yanked), ("verdicts", dict(each.verdicts)),
        )  # fmt: skip
        data |= {key: item for key, item in pairs if item}
        releases.append(data)
    data = {"id": entry.id, "distribution": entry.distribution, "state": entry.state}
    data |= {key: item for key, item in (("replacement", entry.replacement), ("until", entry.until)) if item}
    return {**data, "manifest": entry.data, "releases": releases}


def merge(catalogs: Iterable[list[CatalogEntry]]) -> dict[str, CatalogEntry]:
    """Return one entry for each id; of several catalogs, the first that knows an id wins."""
    merged: dict[str, CatalogEntry] = {}
    for entries in catalogs:
        for entry in entries:
            merged.setdefault(entry.id, entry)
    return merged
