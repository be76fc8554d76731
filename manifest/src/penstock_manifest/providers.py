"""Each provider that is announced, active or broken, as one value; what is wrong with one is no exception."""

import os
from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from penstock_manifest.deprecations import deprecated_uses
from penstock_manifest.discovery import ProviderEntryPoint, find_providers, read_manifest_file
from penstock_manifest.environments import SearchPath
from penstock_manifest.format import Manifest
from penstock_manifest.judge import MOST_BYTES, read_manifest


class Provider(NamedTuple):
    """An announced provider and what is known of it without importing it.

    Attributes:
        id: Its id, by its entry point.
        distributions: ``name version`` of each distribution that announces the id; more than one is a conflict.
        manifest: What it offers; None while ``problems`` forbid it.
        problems: Why it is not active, a sentence each; empty for an active provider.
        notes: What its user may want to know, and what forbids nothing.
        file: The manifest's path; "" if it was not found.
        entry_points: What announces the id.
    """

    id: str
    distributions: tuple[str, ...]
    manifest: Manifest | None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    file: str = ""
    entry_points: tuple[ProviderEntryPoint, ...] = ()

    @property
    def active(self) -> bool:
        """Whether its capabilities can be used."""
        return self.manifest is not None


def read_providers(
    where: SearchPath | None = None, *, served: range | None = None, cache: str | None = None
) -> tuple[Provider, ...]:
    """Find and read all providers, active and broken, sorted by id.

    Args:
        where: Where to look; this process' own ``sys.path`` unless given.
        served: Spec versions of the core, one of which manifests must serve; None if no core is known.
        cache: As for `penstock_manifest.discovery.find_providers`.
    """
    by_id = grouped(find_providers(where, cache=cache))
    return tuple(read_provider(entries, served=served) for entries in by_id.values())


def grouped(entries: Iterable[ProviderEntryPoint]) -> dict[str, list[ProviderEntryPoint]]:
    """Group entry points by id, in the order of the ids."""
    found: dict[str, list[ProviderEntryPoint]] = {}
    for each in sorted(entries, key=lambda entry: (entry.id, entry.distribution)):
        found.setdefault(each.id, []).append(each)
    return found


def read_provider(
    entries: Sequence[ProviderEntryPoint], *, served: range | None = None, strict: bool = False
) -> Provider:
    """Read the provider that is announced by all entry points of one id; every failure becomes a problem of it.

    Args:
        entries: The entry points of the id, at least one.
        served: As for `penstock_manifest.judge.read_manifest`.
        strict: As for `penstock_manifest.judge.read_manifest`.
    """
    distributions = tuple(f"{each.distribution} {each.version}".strip() for each in entries)
    provider = Provider(entries[0].id, distributions, None, entry_points=tuple(entries))
    if len(entries) > 1:
        names = " and ".join(provider.distributions)
        return provider._replace(
            problems=(f"its id is announced by {names}; none is active until only one is installed",)
        )
    try:
        file, text = read_manifest_file(entries[0])
    except ValueError as error:
        return provider._replace(problems=(str(error),))
    manifest, problems, notes = read_manifest(text, provider.id, served=served, strict=strict)
    if manifest is not None:
        root = file[: -len(os.path.join(*entries[0].package.split("."), entries[0].file))]
        notes += tuple(each.sentence for each in deprecated_uses(manifest, served, partial(source_below, root)))
    return provider._replace(manifest=manifest, problems=problems, notes=notes, file=file)


def source_below(root: str, module: str) -> str | None:
    """Return the text of a module below a folder; None where there is none that can be read."""
    stem = os.path.join(root, *module.split("."))
    for file in (f"{stem}.py", os.path.join(stem, "__init__.py")):
        try:
            with open(file, encoding="utf-8") as stream:
                return stream.read(MOST_BYTES)
        except (OSError, ValueError):
            continue
    return None
