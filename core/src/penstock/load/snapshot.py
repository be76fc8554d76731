"""The content of the DAGs folder, kept under its hash, so that a run runs the files it was made from.

A snapshot is a folder ``<state>/snapshots/<hash>`` of hard links to ``<state>/blobs/<hash of the content>``: a change
of one file costs one file. Its hash is that of its manifest, the list of paths and content hashes; the manifest lies in
it as ``.penstock-manifest``. It is written under another name and renamed, so that it is whole or not there.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from penstock.errors import ConfigError
from penstock.model.dag import content_hash
from penstock.spec.snapshot import EXECUTABLE, LIST

_LIMIT_BYTES = 16 << 20
_KEPT = 20
_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules"})
_EXECUTABLE = 0o111


class Snapshot(NamedTuple):
    """A state of the DAGs folder.

    Attributes:
        hash: Its name.
        path: Its folder.
        files: Content hash of every file by its path relative to the folder, with ``/``.
        warnings: What was left out, a sentence each.
    """

    hash: str
    path: Path
    files: dict[str, str]
    warnings: tuple[str, ...]

    def source_hash(self, source: str) -> str | None:
        """Hash of a file, or of the names in a folder (its path ends with ``/``); None if it is not there."""
        if not source.endswith("/"):
            return self.files.get(source)
        prefix = "" if source in ("/", "./") else source
        names = {path.removeprefix(prefix).partition("/")[0] for path in self.files if path.startswith(prefix)}
        return content_hash("\n".join(sorted(names)).encode()) if names else None


class Snapshots:
    """Takes, checks and removes snapshots.

    Args:
        folder: The DAGs folder.
        state: The state folder, on a disk of this machine.
        limit_bytes: Files above this size are left out, with a warning.
    """

    def __init__(self, folder: Path, state: Path, *, limit_bytes: int = _LIMIT_BYTES) -> None:
        self._folder, self._limit = folder, limit_bytes
        self._snapshots, self._blobs = state / "snapshots", state / "blobs"
        self._known: dict[str, tuple[tuple[int, ...], str]] = {}
        self._verified: set[str] = set()

    def take(self) -> Snapshot:
        """The snapshot of the folder as it is now; only files that changed are read.

        Raises:
            ConfigError: If the DAGs folder is not there, or the state folder cannot be written.
        """
        if not self._folder.is_dir():
            raise ConfigError(f"the DAGs folder {str(self._folder)!r} does not exist. Create it, or set dags_folder.")
        files: dict[str, str] = {}
        warnings: list[str] = []
        try:
            self._blobs.mkdir(parents=True, exist_ok=True)
            self._snapshots.mkdir(parents=True, exist_ok=True)
            for path in self._walk(self._folder):
                name = path.relative_to(self._folder).as_posix()
                if (shown := name.encode(errors="backslashreplace").decode()) != name:
                    warnings.append(f"{shown}: its name is no UTF-8, so it is left out. Rename it.")
                    continue
                try:
                    status = path.stat()
                    if status.st_size > self._limit:
                        warnings.append(_too_large(name, status.st_size, self._limit))
                    elif stat.S_ISREG(status.st_mode):
                        files[name] = self._blob(path, name, status)
                except FileNotFoundError:
                    continue  # it went away while we looked
                except PermissionError:
                    warnings.append(f"{name}: it cannot be read, so it is left out. Check its permissions.")
            return self._publish(files, tuple(warnings))
        except OSError as error:
            raise ConfigError(
                f"the snapshot of {str(self._folder)!r} cannot be written to {str(self._snapshots.parent)!r}: "
                f"{error.strerror}. Check the disk's free space and permissions."
            ) from error

    def remove_unused(self, live: set[str]) -> int:
        """Remove snapshots and content that none of them uses; returns the number of snapshots removed.

        These stay, and the newest twenty, so that old runs can be repeated with the files they had.
        """
        kept = sorted(self._snapshots.iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        removed = [path for path in kept[_KEPT:] if path.name not in live]
        for path in removed:
            shutil.rmtree(path, ignore_errors=True)
            self._verified.discard(path.name)
        if removed:
            for path in self._blobs.iterdir():
                with suppress(FileNotFoundError):
                    if path.stat().st_nlink == 1:
                        path.unlink()
            self._known.clear()
        return len(removed)

    def _walk(self, folder: Path) -> Iterator[Path]:
        """Every file worth keeping, folders in order; linked folders are followed once."""
        seen = set()
        for place, folders, names in os.walk(folder, followlinks=True):
            here = os.path.realpath(place)
            if here in seen:
                folders.clear()
                continue
            seen.add(here)
            folders[:] = sorted(each for each in folders if _kept_folder(Path(place, each)))
            yield from (Path(place, name) for name in sorted(names) if not name.startswith(".") and _kept_name(name))

    def _blob(self, path: Path, name: str, status: os.stat_result) -> str:
        """The content's hash; its bytes are stored under it, with a mark if the file may be executed."""
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode)
        known = self._known.get(name)
        if known is not None and known[0] == stamp:
            return known[1]
        data = path.read_bytes()
        executable = bool(status.st_mode & _EXECUTABLE)
        found = content_hash(data) + (EXECUTABLE if executable else "")
        blob = self._blobs / found
        if not blob.exists() or blob.stat().st_size != len(data):
            _write(blob, data, 0o555 if executable else 0o444)
        self._known[name] = (stamp, found)
        return found

    def _publish(self, files: dict[str, str], warnings: tuple[str, ...]) -> Snapshot:
        manifest = "".join(f"{files[name]} {name}\n" for name in sorted(files)).encode()
        found = content_hash(manifest)
        path = self._snapshots / found
        if found not in self._verified:
            if path.exists() and not _is_intact(path, manifest, files):
                path.rename(path.with_name(f".broken-{uuid4().hex}"))
                self._repair(files)
            if not path.exists():
                self._build(path, manifest, files)
            os.utime(path)
            self._verified.add(found)
        return Snapshot(found, path, files, warnings)

    def _build(self, path: Path, manifest: bytes, files: dict[str, str]) -> None:
        draft = path.with_name(f".draft-{uuid4().hex}")
        draft.mkdir()
        try:
            for name, found in files.items():
                target = draft / name
                target.parent.mkdir(parents=True, exist_ok=True)
                _link(self._blobs / found, target)
            (draft / LIST).write_bytes(manifest)
            draft.rename(path)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):  # another loader was faster
                raise

    def _repair(self, files: dict[str, str]) -> None:
        """Write content again that does not match its name, from the folder."""
        for name, found in files.items():
            blob = self._blobs / found
            if not blob.exists() or content_hash(blob.read_bytes()) != found.removesuffix(EXECUTABLE):
                _write(blob, (self._folder / name).read_bytes(), 0o555 if found.endswith(EXECUTABLE) else 0o444)


def _kept_folder(path: Path) -> bool:
    name = path.name
    return not (name.startswith(".") or name in _SKIPPED_FOLDERS or (path / "pyvenv.cfg").exists())


def _kept_name(name: str) -> bool:
    return not name.endswith((".pyc", ".swp", "~", ".tmp"))


def _too_large(name: str, size: int, limit: int) -> str:
    return (
        f"{name}: it has {size:,} bytes, more than {limit:,}, and is left out of the snapshot that tasks see. "
        "Keep data outside of the DAGs folder."
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    draft = path.with_name(f".{path.name}-{uuid4().hex}")
    draft.write_bytes(data)
    draft.chmod(mode)
    draft.replace(path)


def _link(blob: Path, target: Path) -> None:
    try:
        os.link(blob, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP):
            raise
        shutil.copy2(blob, target)


def _is_intact(path: Path, manifest: bytes, files: dict[str, str]) -> bool:
    """True if a snapshot holds what its name says."""
    try:
        return (path / LIST).read_bytes() == manifest and all(
            content_hash((path / name).read_bytes()) == found.removesuffix(EXECUTABLE) for name, found in files.items()
        )
    except OSError:
        return False
