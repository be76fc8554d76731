"""Environments of isolated providers, described to the last file and packed, for workers on other machines.

The plugin manager proves each file of an environment by the RECORD of its wheel; here each is proved by that again before it is named.
What is sent are files below the environment's ``lib`` and the like: the interpreter, and programs that name it, are made anew there.
"""

import base64
import csv
import hashlib
import os
import platform
import re
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from penstock.decoders import decode_json
from penstock.errors import NotFoundError, RequestError, as_sentence
from penstock.model.remote.execution_messages import LARGEST_PACK, EnvironmentLock, LockedDistribution
from penstock.model.values.content_hashes import content_hash, content_hasher
from penstock.plugins.isolated import isolated_pythons
from penstock.spec.archives.listed_archives import (
    EXECUTABLE,
    listed_files,
    pack_listed,
)

LARGEST = 8 << 30
"""Bytes of one environment."""
APART = 8 << 20
"""Bytes from which on a file of a distribution is in no portion of it, and fetched by itself."""
PORTION = 64 << 20
"""Bytes of the files that are packed together."""
PIECE = 4 << 20
"""Bytes of a piece of such a file."""

OF_THE_INTERPRETER = frozenset({"bin", "Scripts", "pyvenv.cfg", ".penstock"})
"""What an environment has at its root that belongs to its machine."""
_OF_THE_INSTALLER = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"})
"""What installers add to a wheel's dist-info: where and when it was installed, and not what."""
_NAMED_LIBCS = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_MOST_LISTS = 500
_AT_ONCE = 1 << 20
_EACH = 1024
"""Bytes that an archive takes for a file beside what is in it: many small ones are no small portion."""
_REMEDY = "run `plugin-manager doctor --fix`, where the server runs."


class _Installed(msgspec.Struct, frozen=True):
    """What ``direct_url.json`` says (PEP 610)."""

    dir_info: dict[str, object] = {}


class _Listed(NamedTuple):
    """The files of a distribution, and by which RECORD this is known: its inode, size and instant."""

    record: tuple[int, ...]
    files: bytes
    size: int
    libc: tuple[int, ...]


class LockedEnvironments:
    """Describes and packs the environments of this machine; safe to use from several threads.

    Args:
        isolated: The file that names them; see `penstock.plugins.isolated.isolated_pythons`.
    """

    def __init__(self, isolated: Path) -> None:
        self._isolated, self._lock = isolated, threading.Lock()
        self._lists: dict[Path, _Listed] = {}

    def lock(self, provider: str) -> EnvironmentLock:
        """What a provider's environment holds.

        Raises:
            RequestError: It has none, or one that cannot be sent.
            ConfigError: The file that names them cannot be read.
            OSError: The environment cannot be read.
        """
        root, site, python = self._opened(provider)
        present = list(self._distributions(root, site))
        found = [
            LockedDistribution(*_name_of(info), content_hash(listed.files), listed.size) for info, listed in present
        ]
        abi, libc = sysconfig.get_config_var("SOABI") or "", max((listed.libc for _, listed in present), default=())
        return EnvironmentLock(provider, python, abi, tuple(sorted(found, key=_by)), libc)

    def pack(self, provider: str, wanted: str, portion: int = 0) -> bytes:
        """Pack a portion of a distribution of a provider's environment, without its large files, as `pack_listed` does.

        Args:
            provider: Whose environment.
            wanted: The distribution's digest.
            portion: Which one, from 0; beyond the last one there is nothing.

        Raises:
            NotFoundError: The environment has no distribution of that digest.
            RequestError: The provider has no environment, or one that cannot be sent.
            ConfigError: The file that names them cannot be read.
            OSError: The environment cannot be read.
        """
        root, info, files = self._distribution(provider, wanted)
        portions = _portions(files, root)
        if portion >= len(portions):
            return b""
        what = f"the distribution {info.stem}"
        return pack_listed(files, root, what, remedy=_REMEDY, most=LARGEST_PACK, names=portions[portion])

    def piece(self, provider: str, wanted: str, found: str, offset: int) -> bytes:
        """A piece of a file of a distribution; nothing at its end.

        Args:
            provider: Whose environment.
            wanted: The distribution's digest.
            found: The file's content hash, as the distribution's list has it.
            offset: Where the piece begins.

        Raises:
            NotFoundError: The environment has no such distribution or file.
            RequestError: As `pack`.
            ConfigError: As `pack`.
            OSError: As `pack`.
        """
        root, info, files = self._distribution(provider, wanted)
        for each, name in listed_files(files):
            if each.removesuffix(EXECUTABLE) == found:
                with (root / name).open("rb") as file:
                    file.seek(offset)
                    return file.read(PIECE)
        raise NotFoundError("file", found, hint=f"The distribution {info.stem} has none of that content hash.")

    def _distribution(self, provider: str, wanted: str) -> tuple[Path, Path, bytes]:
        """The root of its environment, its dist-info, and the list of its files."""
        root, site, _ = self._opened(provider)
        for info, listed in self._distributions(root, site):
            if content_hash(listed.files) == wanted:
                return root, info, listed.files
        raise NotFoundError(
            "distribution",
            wanted,
            hint=f"The environment of provider {provider!r} has changed: ask for its lock again.",
        )

    def _opened(self, provider: str) -> tuple[Path, Path, str]:
        """The root of an environment, its site-packages, and the version of its Python."""
        python = isolated_pythons(self._isolated).get(provider)
        if python is None:
            raise RequestError(
                f"provider {provider!r} has no environment of its own on the server's machine: run "
                f"`plugin-manager isolate {provider}` there, too."
            )
        root = Path(python).parent.parent
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        site = root / "lib" / f"python{version}" / "site-packages"
        if not site.is_dir():
            raise RequestError(
                f"the environment of provider {provider!r} on the server's machine, {root}, is broken or not of Python {version}, "
                f"which the server runs: {_REMEDY}"
            )
        return root, site, version

    def _distributions(self, root: Path, site: Path) -> Iterator[tuple[Path, _Listed]]:
        for info in sorted(site.glob("*.dist-info")):
            try:
                stat = (info / "RECORD").stat()
            except FileNotFoundError:
                raise RequestError(f"the distribution {info.stem} in {root} has no RECORD: {_REMEDY}") from None
            record = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            with self._lock:
                listed = self._lists.get(info)
            _refuse_editable(info)
            if listed is None or listed.record != record:
                try:
                    listed = _Listed(record, *_files(root, site, info), _libc_of(info))
                except (ValueError, csv.Error) as error:
                    why = f"the RECORD of {info.stem} in {root} cannot be read: {as_sentence(error)} {_REMEDY.capitalize()}"
                    raise RequestError(why) from None
                with self._lock:
                    if len(self._lists) >= _MOST_LISTS:  # of environments that are gone
                        self._lists.clear()
                    self._lists[info] = listed
            yield info, listed


def _files(root: Path, site: Path, info: Path) -> tuple[bytes, int]:
    """The list of a distribution's files as a snapshot has it, and their bytes; each is what its RECORD says."""
    lines, total = [], 0
    for path, recorded, *_ in csv.reader((info / "RECORD").read_text(encoding="utf-8").splitlines()):
        where = Path(os.path.normpath(site / path))
        if not where.is_relative_to(root):
            raise RequestError(f"the distribution {info.stem} has a file outside of its environment: {path}")
        name = where.relative_to(root)
        # RECORD itself and what is compiled have no hash; programs name the interpreter of this machine.
        added = where.parent == info and where.name in _OF_THE_INSTALLER
        if not recorded or added or name.parts[0] in OF_THE_INTERPRETER:
            continue
        algorithm, _, digest = recorded.partition("=")
        found, own, size = _hashes(where, algorithm) if where.is_file() else ("", "", 0)
        if found != digest or "\n" in path:
            raise RequestError(f"the file {path} of {info.stem} in {root} is not what was installed: {_REMEDY}")
        total += size
        if total > LARGEST:
            raise RequestError(
                f"the distribution {info.stem} is too large to be sent (at most {LARGEST:,} bytes): install this provider in the image of "
                "the workers."
            )
        mark = EXECUTABLE if os.access(where, os.X_OK) else ""
        lines.append(f"{own}{mark} {name.as_posix()}\n")
    return "".join(sorted(lines, key=lambda line: line.partition(" ")[2])).encode(), total


def _portions(listed: bytes, root: Path) -> list[set[str]]:
    """The files of a list that are packed together, but for the large ones; at least one portion, which has the list."""
    found, size = [set[str]()], 0
    for _, name in listed_files(listed):
        more = (root / name).stat().st_size
        if more >= APART:
            continue
        more += _EACH
        if size and size + more > PORTION:
            found.append(set())
            size = 0
        found[-1].add(name)
        size += more
    return found


def _hashes(path: Path, algorithm: str) -> tuple[str, str, int]:
    """The hash of a file as RECORD has it, its content hash, and its bytes: it may be larger than memory."""
    recorded, own, size = hashlib.new(algorithm), content_hasher(), 0
    with path.open("rb") as file:
        while piece := file.read(_AT_ONCE):
            recorded.update(piece)
            own.update(piece)
            size += len(piece)
    return base64.urlsafe_b64encode(recorded.digest()).decode().rstrip("="), own.hexdigest(), size


def _refuse_editable(info: Path) -> None:
    try:
        installed = decode_json((info / "direct_url.json").read_bytes(), _Installed)
    except FileNotFoundError:
        return
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return  # it is of no matter then: its files are proved all the same
    if installed.dir_info.get("editable"):
        raise RequestError(
            f"the distribution {info.stem} is installed editable on the server's machine, so its files are not in its environment and "
            "cannot be sent: install it from a wheel."
        )


def _name_of(info: Path) -> tuple[str, str]:
    name, _, version = info.stem.partition("-")
    return name, version


def _by(each: LockedDistribution) -> tuple[str, str]:
    return each.name, each.version


def libc_here() -> tuple[int, ...]:
    """The version of this machine's glibc; none where there is another libc."""
    name, version = platform.libc_ver()
    return tuple(map(int, re.findall(r"\d+", version)[:2])) if name == "glibc" else ()


def _libc_of(info: Path) -> tuple[int, ...]:
    """The oldest glibc that a distribution's wheel is for, by its tags (PEP 600); that of this machine if it was built here."""
    found = []
    for line in (info / "WHEEL").read_text(encoding="utf-8").splitlines():
        name, _, tag = line.partition(": ")
        for each in tag.rpartition("-")[2].split(".") if name == "Tag" else ():
            if each == "any":
                return ()
            numbers = re.match(r"manylinux_(\d+)_(\d+)_", each)
            known = tuple(map(int, numbers.groups())) if numbers else _NAMED_LIBCS.get(each.partition("_")[0])
            found.append(libc_here() if known is None else known)
    return min(found, default=())
