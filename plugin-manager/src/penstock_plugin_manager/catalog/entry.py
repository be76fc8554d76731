"""A catalog's entries, and reading them from JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from penstock_manifest.format import Manifest
from penstock_manifest.judge import read_data

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.model.requirement import newest

SCHEMA = 1


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


def read_catalog(data: object, origin: str) -> list[CatalogEntry]:
    """Read a catalog's JSON.

    Raises:
        ManagerError: it is none, or of a schema that is not known here.
    """
    if not isinstance(data, dict) or "providers" not in data:
        raise ManagerError(f"{origin} is no provider catalog.", "A catalog is made with: plugin-manager catalog build")
    if data.get("schema") != SCHEMA:
        raise ManagerError(
            f"{origin} has catalog schema {data.get('schema')!r}; this manager reads {SCHEMA}.", "Update the manager."
        )
    try:
        return [_entry(item, origin) for item in data["providers"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ManagerError(
            f"{origin} holds an entry that cannot be read: {error!r}.", "Build the catalog again."
        ) from None


def _entry(item: dict[str, Any], origin: str) -> CatalogEntry:
    releases = tuple(
        Release(
            each["version"], each.get("core", ""), each.get("spec", ""), each.get("requires-python", ""),
            each.get("download"), each.get("disk"), bool(each.get("yanked", False)), dict(each.get("verdicts", {})),
        )
        for each in item["releases"]
    )  # fmt: skip
    return CatalogEntry(
        item["id"], item["distribution"], dict(item["manifest"]), releases, item.get("state", "stable"),
        item.get("replacement", ""), str(item.get("until", "")), origin,
    )  # fmt: skip


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
