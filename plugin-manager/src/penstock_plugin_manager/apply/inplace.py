"""Changing a plain environment in place: a journal and a backup first, restored on failure.

The journal lies in ``<environment>/.penstock/journal.json`` and has one phase at a time:

``changing``    the backup is complete; whatever stands now is thrown back to it
``committing``  the change is proven; the project's files are written, then the journal goes
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from penstock_plugin_manager.apply.change import STATE_FILE, Change
from penstock_plugin_manager.apply.files import (
    as_json,
    cannot_write,
)
from penstock_plugin_manager.apply.install import environment_files, install
from penstock_plugin_manager.apply.journal import COMMITTING, Journal
from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.index.sources import Sources
from penstock_plugin_manager.installed.damage import damaged, recorded
from penstock_plugin_manager.installed.environment import Environment
from penstock_plugin_manager.installed.locate import ISOLATED_FILE
from penstock_plugin_manager.installed.site import distributions, info_folder, info_folders, read_record
from penstock_plugin_manager.resolve.request import Resolver

_BACKUP = "backup"
_IGNORED = "__pycache__"


def change_in_place(change: Change, environment: Environment, resolver: Resolver, sources: Sources) -> None:
    """Carry out a change in a plain environment.

    Raises:
        ManagerError: it failed; the environment is as it was.
    """
    state = Path(environment.state)
    isolated = as_json(dict(change.isolated)) if change.isolated else None
    files = {
        **change.files,
        str(state / STATE_FILE): as_json({"schema": 1, "brought": sorted(change.brought)}),
        str(Path(environment.root) / ISOLATED_FILE): isolated,
    }
    journal = Journal(state)
    if change.installs or change.removals:
        _begin(change, environment, state)
        try:
            _run(change, environment, resolver, sources)
            staged = journal.prepare(change.title, files)
        except BaseException as error:
            _restore(environment, state)
            if isinstance(error, ManagerError):
                _restore_overwritten(change, environment, resolver, sources)
            raise
    else:
        staged = journal.prepare(change.title, files)
    journal.commit(files, staged)
    _drop_backup(state)


def recover_in_place(environment: Environment) -> str:
    """Finish or undo what an interrupted manager left; the caller holds the lock.

    Returns:
        A sentence on what was done, or an empty string where nothing was left.
    """
    state = Path(environment.state)
    journal = Journal(state)
    found = journal.read()
    if found is None:
        _drop_backup(state)
        return ""
    title = found.get("title", "a change")
    if found.get("phase") == COMMITTING:
        journal.finish(found["files"])
        _drop_backup(state)
        return f"An interrupted `{title}` had already been proven; it is finished now."
    _restore(environment, state)
    return f"An interrupted `{title}` was undone; the environment is as it was before."


def _run(change: Change, environment: Environment, resolver: Resolver, sources: Sources) -> None:
    again = [name for name in change.stale if not _drop_unrecorded(environment, name)]
    if change.removals or again:
        resolver.uninstall([*change.removals, *again], environment)
    install(change.installs, change.complete, change.removals, environment, resolver, sources)
    change.judge(environment)


def _drop_unrecorded(environment: Environment, name: str) -> bool:
    """Delete what stands for a distribution without RECORD, which no tool can take out; tell whether nothing else does."""
    folders = info_folders(Path(environment.site), name)
    unrecorded = [each for each in folders if not read_record(each)]
    for each in unrecorded:
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink()
    return len(unrecorded) == len(folders) > 0


def _restore_overwritten(change: Change, environment: Environment, resolver: Resolver, sources: Sources) -> None:
    """Install again what the plan would have kept and a package of it has written over; the backup holds none of that."""
    fresh = {each.name for each in change.installs}
    kept = {each.name: each for each in change.complete if each.name not in fresh}
    lost = damaged(Path(environment.site), kept, environment.state)
    if lost:
        resolver.install([kept[name] for name in lost], environment, sources, again=True)


def _begin(change: Change, environment: Environment, state: Path) -> None:
    site = Path(environment.site)
    unknown = [name for name in change.removals if not recorded(site, name)]
    if unknown:
        raise ManagerError(
            f"{unknown[0]} has no RECORD, so nobody knows which files are its own.",
            "Install it again before it is removed: plugin-manager doctor --fix",
        )
    backup = state / _BACKUP
    try:
        shutil.rmtree(backup, ignore_errors=True)
        backup.mkdir(parents=True)
        foreign = distributions(environment.site).keys() - {each.name for each in change.complete}
        touched = sorted({*change.removals, *(each.name for each in change.installs), *foreign})
        saved = [path for name in touched for path in _owned(site, name)]
        saved += map(Path, sorted(environment_files(environment)))
        for number, path in enumerate(saved):
            _copy(path, backup / str(number))
        names = [str(path) for path in saved]
        Journal(state).write("changing", change.title, saved=names, listing=sorted(_listing(environment)))
    except OSError as error:
        shutil.rmtree(backup, ignore_errors=True)
        raise cannot_write(backup, error) from None
    except ManagerError:
        shutil.rmtree(backup, ignore_errors=True)
        raise


def _owned(site: Path, name: str) -> list[Path]:
    folder = info_folder(site, name)
    if folder is None:
        return []
    paths = {Path(os.path.normpath(site / path)) for path, _, _ in read_record(folder)}
    paths |= set(folder.rglob("*"))
    return sorted(path for path in paths if path.is_file() and _IGNORED not in path.parts)


def _copy(source: Path, target: Path) -> None:
    """Keep a file's content under another name; a link suffices, as installers replace files rather than write into them.

    Commands are the exception: some tools write into an existing script, so a script is copied, and a link as a link.
    """
    if source.parent.name in {"bin", "Scripts"}:
        shutil.copy2(source, target, follow_symlinks=False)
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _roots(environment: Environment) -> list[Path]:
    return [Path(environment.site), Path(environment.scripts)]


def _listing(environment: Environment) -> set[str]:
    found = set()
    for root in _roots(environment):
        for folder, folders, files in os.walk(root):
            folders[:] = [name for name in folders if name != _IGNORED]
            found |= {os.path.join(folder, name) for name in files}  # noqa: PTH118  thousands of paths
            found |= {os.path.join(folder, name) for name in folders if os.path.islink(os.path.join(folder, name))}  # noqa: PTH118,PTH114  as above
    return found


def _restore(environment: Environment, state: Path) -> None:
    journal = Journal(state)
    found = journal.read()
    if found is None:
        raise ManagerError(
            f"{journal.path} is gone, so the environment cannot be restored.", "Rebuild it: plugin-manager sync"
        )
    known = set(found["listing"])
    backup = state / _BACKUP
    try:
        for path in _listing(environment) - known:
            Path(path).unlink(missing_ok=True)
        for number, name in enumerate(found["saved"]):
            saved = Path(name)
            saved.parent.mkdir(parents=True, exist_ok=True)
            saved.unlink(missing_ok=True)
            _copy(backup / str(number), saved)
        _drop_empty(environment)
    except OSError as error:
        raise ManagerError(
            f"The environment could not be restored yet: {error.strerror} ({error.filename}).",
            "Mend that and call plugin-manager doctor: the backup is kept.",
        ) from None
    journal.close()
    _drop_backup(state)


def _drop_empty(environment: Environment) -> None:
    for folder, _, _ in os.walk(environment.site, topdown=False):
        path = Path(folder)
        if path.name == _IGNORED and not any(path.parent.glob("*.py")):
            shutil.rmtree(path, ignore_errors=True)
        elif path != Path(environment.site) and not any(path.iterdir()):
            path.rmdir()


def _drop_backup(state: Path) -> None:
    shutil.rmtree(state / _BACKUP, ignore_errors=True)
