"""The content of the DAGs folder, kept under its hash, so that a run runs the files it was made from.

There is one of the whole folder, in which files are imported, and one of each closure, to which versions are pinned.
A snapshot is a folder ``<state>/snapshots/<hash>`` of hard links to ``<state>/blobs/<hash of the content>``: a change
of one file costs one file. Its hash is that of its manifest, the list of paths and content hashes; the manifest lies in
it as ``.penstock-manifest``. It is written under another name and renamed, so that it is whole or not there.
"""

import errno
import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from penstock.errors import ConfigError
from penstock.load.folder import WHOLE, FolderContent, FoundFile, Watched
from penstock.load.ignore import AIRFLOW_IGNORE, IGNORE, Ignore, patterns_of
from penstock.load.ignore import MOST_BYTES as MOST_IGNORE_BYTES
from penstock.model.values.content_hashes import content_hash
from penstock.spec.archives.listed_archives import EXECUTABLE, LIST

_LIMIT_BYTES = 16 << 20
_KEPT = 20
_MOST_LOOKS = 10  # at a folder to which a link is swapped meanwhile
_EXECUTABLE = 0o111
_DAY_NS = 86_400 * 10**9
_WRITTEN_NS = 315_532_800 * 10**9  # 1980: a time that no write leaves
MOST_BYTES = 1 << 30
"""Bytes of all files of a snapshot."""


class Snapshot(NamedTuple):
    """A state of the DAGs folder.

    Attributes:
        hash: Its name.
        path: Its folder.
        files: Content hash of every file by its path relative to the folder, with ``/``.
        left_out: Why an entry of the folder is not among them, by its path; that of a folder ends with ``/``.
        ignore: The patterns of ignored files by the folder for which they count, as `is_ignored` takes them.
        watched: What has to be watched.
    """

    hash: str
    path: Path
    files: dict[str, str]
    left_out: dict[str, str]
    ignore: dict[str, tuple[Ignore, ...]]
    watched: Watched

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
        self._folder, self._home, self._limit = folder, folder, limit_bytes
        self._snapshots, self._blobs = state / "snapshots", state / "blobs"
        self._known: dict[str, tuple[tuple[int, ...], str]] = {}
        self._verified: set[str] = set()

    def take(self) -> Snapshot:
        """The snapshot of the folder as it is now; only files that changed are read.

        Raises:
            ConfigError: If the DAGs folder is not there, or the state folder cannot be written.
        """
        for _ in range(_MOST_LOOKS):
            if not self._folder.is_dir():
                raise ConfigError(
                    f"the DAGs folder {str(self._folder)!r} does not exist. Create it, or set dags_folder."
                )
            content = FolderContent(str(self._folder))
            try:
                self._blobs.mkdir(parents=True, exist_ok=True)
                self._snapshots.mkdir(parents=True, exist_ok=True)
                self._home = Path(content.home)
                files = self._keep(content)
                ignore = _ignore(self._home, content)
                if content.watched.is_current:
                    found, path = self._publish(files)
                    return Snapshot(found, path, files, content.left_out, ignore, content.watched)
            except OSError as error:
                raise self._unwritable(error) from error
        raise ConfigError(
            f"the DAGs folder {str(self._folder)!r} is another one whenever it is looked at: a link on the way to it, or in it, is swapped "
            "all the time. Let what publishes it publish less often."
        )

    def part(self, files: Mapping[str, str]) -> str:
        """Keep a snapshot of some files of the one that was taken last; returns its hash.

        Args:
            files: Their content hashes by their paths.

        Raises:
            ConfigError: If the state folder cannot be written.
        """
        try:
            return self._publish(files)[0]
        except OSError as error:
            raise self._unwritable(error) from error

    def remove_unused(self, live: set[str]) -> int:
        """Remove snapshots and content that none of them uses; returns the number of snapshots removed.

        These stay, and the newest twenty, for whoever has just begun to read one.
        """
        found = sorted(self._snapshots.iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        # Hidden are those that are being built or were broken, and what a loader left that was killed meanwhile.
        kept = [path for path in found if not path.name.startswith(".")]
        unfinished = [path for path in found if path.name.startswith(".") and _is_left(path, kept)]
        removed = [path for path in kept[_KEPT:] if path.name not in live] + unfinished
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

    def _keep(self, content: FolderContent) -> dict[str, str]:
        """The content's hash of every file that can be read and kept."""
        files: dict[str, str] = {}
        size = 0
        for found in content.files:
            size += found.status.st_size
            if found.status.st_size > self._limit:
                content.left_out[found.name] = _too_large(found.name, self._limit)
            elif size > MOST_BYTES:
                content.left_out[WHOLE] = (
                    f"{found.name}: with it the DAGs folder holds more than {MOST_BYTES:,} bytes; it and what comes after it "
                    "is left out. Keep environments and data outside of the DAGs folder, or take the link away."
                )
                break
            elif (blob := self._blob(found, content.left_out)) is not None:
                files[found.name] = blob
        return files

    def _blob(self, found: FoundFile, left_out: dict[str, str]) -> str | None:
        """The content's hash; its bytes are stored under it, with a mark if the file may be executed. None if it is left out."""
        status = found.status
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode)
        known = self._known.get(found.name)
        if known is not None and known[0] == stamp:
            return known[1]
        try:
            data = read_bounded(found.path, self._limit)
        except FileNotFoundError:
            return None  # it went away while we looked
        except OSError as error:
            left_out[found.name] = f"{found.name}: it cannot be read ({error.strerror}), so it is left out."
            return None
        executable = bool(status.st_mode & _EXECUTABLE)
        digest = content_hash(data) + (EXECUTABLE if executable else "")
        if not _is_untouched(f"{self._blobs}/{digest}", len(data)):
            _write(self._blobs, digest, data, 0o555 if executable else 0o444)
        self._known[found.name] = (stamp, digest)
        return digest

    def _unwritable(self, error: OSError) -> ConfigError:
        return ConfigError(
            f"the snapshot of {str(self._folder)!r} cannot be written to {str(self._snapshots.parent)!r}: "
            f"{error.strerror}. Check the disk's free space and permissions."
        )

    def _publish(self, files: Mapping[str, str]) -> tuple[str, Path]:
        manifest = "".join(f"{files[name]} {name}\n" for name in sorted(files)).encode()
        found = content_hash(manifest)
        path = self._snapshots / found
        is_there = path.exists()
        if found not in self._verified or not is_there:  # whoever shares the folder may have removed it
            if is_there and not _is_intact(path, manifest, files):
                path.rename(path.with_name(f".broken-{uuid4().hex}"))
                self._repair(files)
                is_there = False
            if is_there:
                os.utime(path)
            else:
                self._build(path, manifest, files)
            self._verified.add(found)
        return found, path

    def _build(self, path: Path, manifest: bytes, files: Mapping[str, str]) -> None:
        draft = path.with_name(f".draft-{uuid4().hex}")
        draft.mkdir()
        try:
            blobs, home, made = str(self._blobs), str(draft), {""}
            for name, found in files.items():
                place = name.rpartition("/")[0]
                if place not in made:
                    (draft / place).mkdir(parents=True, exist_ok=True)
                    made.add(place)
                _link(f"{blobs}/{found}", f"{home}/{name}")
            _create(f"{home}/{LIST}", manifest, 0o644)
            draft.rename(path)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):  # another loader was faster
                raise

    def _repair(self, files: Mapping[str, str]) -> None:
        """Write content again that does not match its name, from the folder."""
        for name, found in files.items():
            blob = self._blobs / found
            if not blob.exists() or content_hash(blob.read_bytes()) != found.removesuffix(EXECUTABLE):
                _write(
                    self._blobs,
                    found,
                    (self._home / name).read_bytes(),
                    0o555 if found.endswith(EXECUTABLE) else 0o444,
                )


def read_bounded(path: str, most: int) -> bytes:
    """Read a file of ``most`` bytes at most; what is no file never blocks.

    Raises:
        OSError: It cannot be read, or is longer.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        parts: list[bytes] = []
        while (left := most + 1 - sum(map(len, parts))) > 0 and (part := file.read(left)):
            parts.append(part)
        if left <= 0:
            raise OSError(errno.EFBIG, f"it has more than {most:,} bytes")
        return b"".join(parts)


def _ignore(folder: Path, content: FolderContent) -> dict[str, tuple[Ignore, ...]]:
    """The patterns of the ignore files; where one cannot be read, what it ignores is not known, and nothing there is touched."""
    ignore: dict[str, tuple[Ignore, ...]] = {}
    for name in content.ignore_files:
        place = name.rpartition("/")[0]
        place = f"{place}/" if place else ""
        if name.endswith(AIRFLOW_IGNORE):
            if place + IGNORE not in content.ignore_files:
                content.left_out[name] = (
                    f"{name}: it is not read. Rename it to {IGNORE}, which has the same language as Airflow 3's."
                )
            continue
        try:
            text = os.fsdecode(read_bounded(f"{folder}/{name}", MOST_IGNORE_BYTES))
            ignore[place] = tuple(patterns_of(text))
        except OSError as error:
            content.left_out[place or WHOLE] = (
                f"{name}: it cannot be read ({error.strerror}), so that no file of its folder is loaded, and none is retired."
            )
    return ignore


def _too_large(name: str, limit: int) -> str:
    return (
        f"{name}: it has more than {limit:,} bytes, and is left out of the snapshot that tasks see. "
        "Keep data outside of the DAGs folder."
    )


def _is_left(unfinished: Path, kept: list[Path]) -> bool:
    """Whether a snapshot that is not whole is a day older than the newest, so that nobody works on it."""
    return bool(kept) and kept[0].stat().st_mtime_ns - unfinished.stat().st_mtime_ns > _DAY_NS


def _is_untouched(blob: str, size: int) -> bool:
    """Whether content is there, and nobody has written into it since, as a task of root's may."""
    try:
        status = os.stat(blob)  # noqa: PTH116 - once a new file, of which there may be thousands: `Path` doubles the cost
    except FileNotFoundError:
        return False
    return status.st_size == size and status.st_mtime_ns == _WRITTEN_NS


def _write(place: Path, name: str, data: bytes, mode: int) -> None:
    """Write content that is whole or not there."""
    draft = f"{place}/.{name}-{uuid4().hex}"
    _create(draft, data, mode, _WRITTEN_NS)
    os.replace(draft, f"{place}/{name}")  # noqa: PTH105 - as above


def _create(path: str, data: bytes, mode: int, written_ns: int = 0) -> None:
    """Make a file; unless ``written_ns`` is 0, it says that it was written then."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 - a descriptor
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]
        if written_ns:
            os.fchmod(descriptor, mode)
            os.utime(descriptor, ns=(written_ns, written_ns))


def _link(blob: str, target: str) -> None:
    try:
        os.link(blob, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP):
            raise
        shutil.copy2(blob, target)


def _is_intact(path: Path, manifest: bytes, files: Mapping[str, str]) -> bool:
    """True if a snapshot holds what its name says."""
    try:
        return (path / LIST).read_bytes() == manifest and all(
            content_hash((path / name).read_bytes()) == found.removesuffix(EXECUTABLE) for name, found in files.items()
        )
    except OSError:
        return False
