"""Sizes of what a plan fetches and unpacks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.index.cache import DownloadCache
from penstock_plugin_manager.index.client import Client
from penstock_plugin_manager.index.wheel import read_wheel
from penstock_plugin_manager.installed.site import installed_size
from penstock_plugin_manager.model.lock import File
from penstock_plugin_manager.plan.steps import Plan

_FILE = "sizes.json"


def with_sizes(plan: Plan, files: Mapping[str, File], session: Session) -> Plan:
    """Return a plan whose steps know what they fetch and what they take on disk, as far as it can be known.

    Sizes come from the lock, from local wheels, from what was seen before, or from the head of the remote file.
    """
    known = _known()
    missing = [file for file in files.values() if file.size is None and file.sha256 not in known and file.url]
    if missing and not session.options.offline:
        known |= _fetched(missing, session.client)
        _remember(known)
    steps = []
    for step in plan.steps:
        if step.action == "remove":
            steps.append(step._replace(download=0, disk=-installed_size(Path(session.environment.site), step.name)))
            continue
        file = files.get(step.name)
        download, disk = _of(file, known) if file else (0, None)
        steps.append(step._replace(download=download, disk=disk))
    return plan._replace(steps=tuple(steps))


def _fetched(files: list[File], client: Client) -> dict[str, list[int | None]]:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  only new files are asked for

    with ThreadPoolExecutor(8) as pool:
        sizes = pool.map(lambda file: client.size(file.url), files)
        return {file.sha256: [size, None] for file, size in zip(files, sizes, strict=True) if file.sha256}


def remember_unpacked(files: Mapping[str, File], site: str) -> None:
    """Keep what installed files took on disk, so that the next plan knows."""
    known = _known()
    fresh = {
        name: file
        for name, file in files.items()
        if file.sha256 and (known.get(file.sha256) or [None, None])[1] is None
    }
    if not fresh:
        return
    for name, file in fresh.items():
        download = file.size if file.size is not None else (known.get(file.sha256) or [None])[0]
        known[file.sha256] = [download, installed_size(Path(site), name)]
    _remember(known)


def _of(file: File, known: Mapping[str, list[int | None]]) -> tuple[int | None, int | None]:
    download, disk = known.get(file.sha256, [None, None])
    place = file.local_path
    if place and disk is None and file.name.endswith(".whl"):
        try:
            wheel = read_wheel(Path(place))
        except ManagerError:
            return file.size, None
        return wheel.size, wheel.unpacked
    return (file.size if file.size is not None else download), disk


def _known() -> dict[str, list[int | None]]:
    """Return download and disk size of each file that was seen before, by its hash."""
    try:
        known: dict[str, list[int | None]] = json.loads(DownloadCache("sizes").read(_FILE) or b"{}")["sizes"]
    except (ValueError, KeyError, TypeError):
        return {}
    return known


def _remember(known: Mapping[str, list[int | None]]) -> None:
    DownloadCache("sizes").write(_FILE, json.dumps({"sizes": dict(known)}).encode())
