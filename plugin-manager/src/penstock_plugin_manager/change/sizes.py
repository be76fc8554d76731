"""What files take, as a plan shows it, and whether they are files that can be installed as they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from penstock_plugin_manager.change.inspection import inspect_wheel
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.index.cache import DownloadCache
from penstock_plugin_manager.index.listing import Listing, read_listing
from penstock_plugin_manager.index.wheel import unusable
from penstock_plugin_manager.installed.site import installed_size
from penstock_plugin_manager.model.lock import File
from penstock_plugin_manager.plan.steps import Plan

_FILE = "listings.json"


def with_sizes(plan: Plan, files: Mapping[str, File], session: Session) -> Plan:
    """Return a plan whose steps know what they fetch and what they take on disk, as far as it can be known.

    Args:
        plan: The plan.
        files: The file of each distribution that it installs.
        session: The call.

    Raises:
        ManagerError: a file is built so that an installer would refuse it, or leave a part of it out without a word.
    """
    listings = _listings([files[name] for name in plan.installs if name in files], session)
    steps = []
    for step in plan.steps:
        if step.action == "remove":
            steps.append(step._replace(download=0, disk=-installed_size(Path(session.environment.site), step.name)))
            continue
        file = files.get(step.name)
        listing = listings.get(file) if file else None
        if file and listing and listing.problem:
            inspect_wheel(file, session)  # another file than the one that was named is told as that
            raise unusable(file.name, listing.problem)
        size = _size(file, listing) if file else 0
        steps.append(step._replace(download=size, disk=listing.unpacked if listing else None))
    return plan._replace(steps=tuple(steps))


def _size(file: File, listing: Listing | None) -> int | None:
    """Return the bytes of a file; one that lies on this machine counts like one that is fetched, source distributions too."""
    if file.size is not None:
        return file.size
    if listing:
        return listing.size
    path = Path(file.local_path)
    return path.stat().st_size if file.local_path and path.is_file() else None


def _listings(files: Iterable[File], session: Session) -> dict[File, Listing]:
    """Return what is known of wheels: seen before, or read now."""
    known = _known()
    wheels = [file for file in files if file.name.endswith(".whl")]
    fresh = [file for file in wheels if file.sha256 not in known]
    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(fresh, pool.map(lambda file: read_listing(file, session.client), fresh), strict=True))
    seen = {file.sha256: listing for file, listing in found.items() if listing and file.sha256 and not file.local_path}
    if seen:  # what lies on this machine is read faster than remembered
        _remember(known | seen)
    every = {file: known[file.sha256] if file.sha256 in known else found[file] for file in wheels}
    return {file: listing for file, listing in every.items() if listing}


def _known() -> dict[str, Listing]:
    """Return what was seen before, by hash."""
    try:
        data = json.loads(DownloadCache("sizes").read(_FILE) or b"{}")["listings"]
        return {str(name): Listing(*each) for name, each in data.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _remember(known: Mapping[str, Listing]) -> None:
    DownloadCache("sizes").write(_FILE, json.dumps({"listings": dict(known)}).encode())
