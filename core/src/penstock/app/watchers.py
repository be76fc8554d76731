"""Main of the process of watchers."""

import os
from collections import deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from penstock.app.service_main import run_service
from penstock.author.runtime import current
from penstock.errors import ExitCode
from penstock.model.assets.file_watch import FileWatch, WatchedFile
from penstock.model.names import error_reason
from penstock.model.text import shortened
from penstock.service.installation import Installation
from penstock.spec.object_store import ObjectStore
from penstock.terminal import write_line
from penstock.tries.store_runtime import StoreRuntime
from penstock.watchers.file_look import FileLook
from penstock.watchers.local_files import look_at_files, same_file
from penstock.watchers.objects import look_at_objects, same_object
from penstock.watchers.watch_loop import WatchLoop, WatchPorts
from penstock.watchers.watcher_status import keep_statuses

_LONGEST_PROBLEM = 500
_STORE_S = 300.0
"""Seconds for which an object store stays open."""


def main() -> int:
    """Watch until SIGTERM; the exit code is 5 if the installation is wrong."""

    def run(installation: Installation, stop: int) -> None:
        watch_loop(installation).run(stop)
        os._exit(ExitCode.DONE)  # a thread that waits for a disk would keep the process

    return run_service("watchers", run)


def watch_loop(installation: Installation) -> WatchLoop:
    """The loop of an installation: paths begin at the project's folder, and object stores are opened as by a task."""
    settings = installation.settings
    looker = InstallationLook(installation, StoreRuntime(installation.vault))
    keep = partial(keep_statuses, settings.state_folder)
    return WatchLoop(WatchPorts(installation.store.assets.watched, looker, installation.clock, keep, _log))


class _OpenStore(NamedTuple):
    """A store that no look uses now, and when it was opened."""

    store: ObjectStore
    at_s: float


class InstallationLook:
    """Looks for files, and deletes those that are to be; what fails becomes a sentence.

    Args:
        installation: Whose plugins have the object stores.
        runtime: Finds connections for them.
    """

    def __init__(self, installation: Installation, runtime: StoreRuntime) -> None:
        self._installation, self._runtime, self._root = installation, runtime, installation.settings.root.absolute()
        self._idle: dict[tuple[str, str | None], deque[_OpenStore]] = {}

    def __call__(self, spec: FileWatch, leftover: Sequence[WatchedFile]) -> FileLook:
        """Delete what is left over, and look."""
        try:
            if spec.remote and not spec.path.startswith("file:"):
                return self._at_objects(spec, leftover)
            path = unquote(spec.path.removeprefix("file://")) if spec.remote else str(self._root / spec.path)
            refused = self._deleted(leftover)
            look = look_at_files(path.rstrip("/") + "/" if spec.path.endswith("/") else path)
            return look._replace(problem=look.problem or refused)
        except Exception as error:  # noqa: BLE001 - a provider's code may raise anything, and another watcher goes on
            problem = self._runtime.mask.hide(error_reason(error))
            return FileLook([], shortened(problem, _LONGEST_PROBLEM))

    def _at_objects(self, spec: FileWatch, leftover: Sequence[WatchedFile]) -> FileLook:
        token = current.set(self._runtime)
        try:
            return self._at_objects_within(spec, leftover)
        finally:
            current.reset(token)

    def _at_objects_within(self, spec: FileWatch, leftover: Sequence[WatchedFile]) -> FileLook:
        """Look by a store that is asked for its connection as within a task."""
        key, now_s = (urlsplit(spec.path).scheme, spec.conn_id), self._installation.clock.read().monotonic_s
        idle = self._idle.setdefault(key, deque())
        try:
            opened = idle.pop()
        except IndexError:
            opened = _OpenStore(self._installation.host.object_store(spec.path, spec.conn_id), now_s)
        for each in leftover:
            if same_object(opened.store, each):
                opened.store.delete(each.path)
        look = look_at_objects(spec.path, opened.store)
        if now_s - opened.at_s < _STORE_S:  # its connection may have changed; one that failed is not used again either
            idle.append(opened)
        return look

    def _deleted(self, leftover: Sequence[WatchedFile]) -> str:
        """Delete files that are as they were found; says what could not be."""
        refused = ""
        for each in leftover:
            try:
                if same_file(each.path, each):
                    Path(each.path).unlink(missing_ok=True)
            except OSError as error:
                refused = f"{each.path} cannot be deleted: {error.strerror}."
        return refused


def _log(line: str) -> None:
    write_line(f"watchers: {line}")
