"""Installed files against their RECORD: by hash, or by a proof where they were proven before and nobody has touched them since.

RECORD is the list that an installer leaves (``Recording installed projects`` of the Python packaging specifications).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from penstock_plugin_manager.installed.site import info_folder, info_folders, read_record

_PROOFS = "proofs.json"
_SCHEMA = 2
_UNHASHED = (".dist-info/RECORD", ".dist-info/RECORD.jws", ".dist-info/RECORD.p7s")
"""What a RECORD cannot or need not hold a hash of (The RECORD file, Recording installed projects)."""


class Damage(NamedTuple):
    """A file that is not as it was recorded; an empty path stands for the whole distribution."""

    distribution: str
    path: str
    problem: str

    @property
    def sentence(self) -> str:
        """Return path and problem in words."""
        return f"{self.path} {self.problem}".strip()


def damage_of(site: Path, name: str) -> list[Damage]:
    """Return what differs between a distribution's files and its RECORD; byte code is nobody's work and does not count."""
    rows, folders = recorded(site, name), info_folders(site, name)
    if len(folders) > 1:
        names = " and ".join(sorted(each.name for each in folders))
        return [Damage(name, "", f"is installed more than once: {names}")]
    if not rows:
        return [Damage(name, "", "has no RECORD that can be read, so nothing can be compared")]
    root = str(site)
    problems = ((path, _compare(os.path.join(root, path), digest)) for path, digest in rows)  # noqa: PTH118  thousands
    return [Damage(name, path, problem) for path, problem in problems if problem]


def damaged(site: Path, names: Iterable[str], state: str, *, reread: bool = False) -> dict[str, list[Damage]]:
    """Return the damage of each distribution that has any; files are read only where their proof does not fit.

    Args:
        site: The environment's ``site-packages``.
        names: The distributions in question.
        state: Folder in which proofs are kept; one that cannot be written to keeps none.
        reread: Whether every file is read, whatever its proof says.
    """
    path = os.path.join(state, _PROOFS)  # noqa: PTH118  `list` asks, which loads no more than it must
    kept = _read_proofs(path)
    proofs = dict(kept)
    found = {}
    for name in names:
        proof = _proof(site, name)
        if proof and kept.get(name) == proof and not reread:
            continue
        damage = damage_of(site, name)
        proofs.pop(name, None)
        if damage:
            found[name] = damage
        else:
            proofs[name] = proof
    if proofs != kept:
        _write_proofs(path, proofs)
    return found


def recorded(site: Path, name: str) -> list[tuple[str, str]]:
    """Return path and hash of each file that a distribution recorded, byte code left out."""
    folder = info_folder(site, name)
    return [(path, digest) for path, digest, _ in (read_record(folder) if folder else ()) if not path.endswith(".pyc")]


def claims(site: Path, names: Iterable[str]) -> dict[str, list[str]]:
    """Return the distributions that recorded each file, by its path below ``site-packages``."""
    found: dict[str, list[str]] = {}
    for name in names:
        for path, _ in recorded(site, name):
            found.setdefault(os.path.normpath(path), []).append(name)
    return found


def startup_files(site: Path, names: Iterable[str]) -> list[tuple[str, str]]:
    """Return distribution and file of each ``.pth`` whose lines the environment's Python runs at its every start (see ``site``)."""
    found = []
    for name in names:
        for path, _ in recorded(site, name):
            if path.endswith(".pth") and "/" not in path:
                text = (site / path).read_text(encoding="utf-8", errors="replace")
                if any(line.startswith(("import ", "import\t")) for line in text.splitlines()):
                    found.append((name, path))
    return found


def _compare(path: str, digest: str) -> str:
    algorithm, _, wanted = digest.partition("=")
    try:
        # a pipe that took the file's place would be waited for, and a device read for ever
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return "is no file any more"
            body = _read(descriptor) if digest else b""
        finally:
            os.close(descriptor)
    except OSError:
        return "is missing"
    if not digest:
        return "" if path.endswith(_UNHASHED) else "is recorded without a hash, so it cannot be compared"
    if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        return f"is recorded with the unknown hash {algorithm}"
    actual = base64.urlsafe_b64encode(hashlib.new(algorithm, body, usedforsecurity=False).digest()).rstrip(b"=")
    return "" if actual == wanted.rstrip("=").encode() else "was changed after it was installed"


def _read(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, 1 << 22):
        parts.append(part)
    return b"".join(parts)


def _proof(site: Path, name: str) -> str:
    """Return a digest of the RECORD and of inode, size and times of each recorded file; "" where one is missing.

    No program can set the time of the last change of an inode, so a file that was edited and dated back is seen.
    """
    digest = hashlib.sha256()
    root = str(site)
    rows = recorded(site, name)
    try:
        for path, wanted in rows:
            file = os.stat(os.path.join(root, path))  # noqa: PTH116,PTH118  thousands of paths
            digest.update(
                f"{path}\0{wanted}\0{file.st_ino} {file.st_size} {file.st_mtime_ns} {file.st_ctime_ns}\n".encode()
            )
    except OSError:
        return ""
    return digest.hexdigest() if rows and len(info_folders(site, name)) == 1 else ""


def _read_proofs(path: str) -> Mapping[str, str]:
    try:
        with open(path, encoding="utf-8") as stream:  # noqa: PTH123  as above
            data = json.load(stream)
        return {str(name): str(proof) for name, proof in data["proofs"].items()} if data["schema"] == _SCHEMA else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write_proofs(path: str, proofs: Mapping[str, str]) -> None:
    part = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103,PTH120  as above
        with open(part, "w", encoding="utf-8") as stream:  # noqa: PTH123  as above
            json.dump({"schema": _SCHEMA, "proofs": dict(sorted(proofs.items()))}, stream, indent=0)
        os.replace(part, path)  # noqa: PTH105  as above
    except OSError:
        if os.path.exists(part):  # noqa: PTH110  a full disk shall not be left fuller
            os.unlink(part)  # noqa: PTH108  as above
