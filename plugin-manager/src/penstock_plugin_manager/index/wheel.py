"""Wheels: what they say about themselves, read from the archive without unpacking or importing it."""

from __future__ import annotations

import hashlib
import io
import lzma
import struct
import tomllib
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from importlib_metadata import PathDistribution
from penstock_manifest.claims import claim_problems, ships_module
from penstock_manifest.discovery import ProviderEntryPoint, announced, headers
from penstock_manifest.format import Manifest, plain
from penstock_manifest.judge import MOST_BYTES, read_manifest

from penstock_plugin_manager.errors import ManagerError, UnverifiedError
from penstock_plugin_manager.index.structure import content_problem, listing_problem
from penstock_plugin_manager.installed.site import served_specs
from penstock_plugin_manager.model.lock import File
from penstock_plugin_manager.model.names import normalize
from penstock_plugin_manager.model.requirement import wheel_parts

_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, KeyError, OSError, ValueError, RuntimeError, NotImplementedError, EOFError,
    struct.error, OverflowError, MemoryError, IndexError,
)  # fmt: skip
"""What the library raises for archives that are damaged, encrypted, packed in another way, or made to break it."""
_LARGEST_METADATA = 4 << 20


class WheelProvider(NamedTuple):
    """A provider that lies in a wheel; without a manifest when that is broken.

    Attributes:
        problems: What is wrong with the manifest.
        claims: What it claims and the wheel does not hold.
        sources: The text of its plugin module, by the module's name; nothing where it has none.
    """

    id: str
    manifest: Manifest | None
    data: dict[str, Any]
    problems: tuple[str, ...]
    claims: tuple[str, ...] = ()
    sources: Mapping[str, str] = {}


class Wheel(NamedTuple):
    """What a wheel says about itself; ``served`` are the spec versions of a core's wheel."""

    filename: str
    name: str
    version: str
    requires: tuple[str, ...]
    requires_python: str
    license: str
    size: int
    unpacked: int
    sha256: str
    providers: tuple[WheelProvider, ...]
    served: range | None = None


def read_wheel(path: Path, *, strict: bool = False) -> Wheel:
    """Read a wheel file.

    Args:
        path: The file.
        strict: Whether its manifests are judged as for their author: what a reader forgives is a problem.

    Raises:
        ManagerError: it is no wheel.
    """
    try:
        return read_wheel_bytes(path.name, path.read_bytes(), strict=strict)
    except OSError as error:
        raise ManagerError(f"{path} cannot be read: {error.strerror}.") from None


def read_wheel_bytes(filename: str, body: bytes, *, strict: bool = False) -> Wheel:
    """Read a wheel from its bytes.

    Raises:
        ManagerError: it is no wheel.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            archive.filename = filename  # the library names by it what it reads
            problem = listing_problem(filename, archive.infolist())
            if problem:
                raise unusable(filename, problem)
            names = archive.namelist()
            info = next(name.partition("/")[0] for name in names if name.endswith(".dist-info/METADATA"))
            fields = headers(_text(archive, f"{info}/METADATA"))
            name, version = fields["Name"], fields["Version"]
            dist = PathDistribution(zipfile.Path(archive, f"{info}/"))  # type: ignore[arg-type]  # typeshed's Path has other names
            extras = fields.get_all("Provides-Extra") or []
            found = tuple(_provider(archive, names, extras, entry, strict=strict) for entry in announced(dist))
            unpacked = sum(each.file_size for each in archive.infolist())
            served = _served(archive, names)
    except _UNREADABLE as error:
        raise unusable(filename, f"it cannot be unpacked ({plain(str(error), 100)})") from None
    if wheel_parts(f"{str(name).replace('-', '_')}-{version}-a-b-c.whl") is None:
        raise unusable(filename, f"its metadata names it {plain(repr(name), 60)} {plain(repr(version), 60)}")
    return Wheel(
        filename, normalize(name), version, tuple(fields.get_all("Requires-Dist") or ()),
        plain(fields.get("Requires-Python") or ""), plain(fields.get("License-Expression") or fields.get("License") or ""),
        len(body), unpacked, hashlib.sha256(body).hexdigest(), found, served,
    )  # fmt: skip


def check_wheel(file: File, body: bytes) -> None:
    """Look for whatever keeps a wheel from being installed, every member included.

    Raises:
        UnverifiedError: it is not the file that its hash names.
        ManagerError: it is no wheel, or a damaged one.
    """
    check_hash(file, body)
    read_wheel_bytes(file.name, body)
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            problem = content_problem(archive)
    except _UNREADABLE as error:
        problem = f"it cannot be unpacked ({plain(str(error), 100)})"
    if problem:
        raise unusable(file.name, problem)


def check_hash(file: File, body: bytes) -> None:
    """Compare a file's bytes with the hash that it is named with.

    Raises:
        UnverifiedError: they differ.
    """
    if file.sha256 and hashlib.sha256(body).hexdigest() != file.sha256:
        raise UnverifiedError(
            f"{file.name} is not the file that the index or the lock names: its hash differs.",
            "Do not install it; ask who changed the file.",
        )


def unusable(filename: str, problem: str) -> ManagerError:
    """Return the error for a wheel that cannot be used."""
    return ManagerError(
        f"{filename} is no wheel that can be installed: {problem}.",
        "Ask for another version, or have it built and uploaded again.",
    )


def _text(archive: zipfile.ZipFile, name: str) -> str:
    """Return the beginning of a file, however much it claims or turns out to hold."""
    with archive.open(name) as stream:
        return stream.read(_LARGEST_METADATA).decode("utf-8", "replace")


def _provider(
    archive: zipfile.ZipFile, names: list[str], extras: list[str], entry: ProviderEntryPoint, *, strict: bool
) -> WheelProvider:
    if entry.problem:
        return WheelProvider(entry.id, None, {}, (entry.problem,))
    inside = "/".join([*entry.package.split("."), entry.file])
    if inside not in names:
        problem = f"its manifest {entry.file!r} is not in the package {entry.package!r}; was it left out of the wheel?"
        return WheelProvider(entry.id, None, {}, (problem,))
    with archive.open(inside) as stream:
        text = stream.read(MOST_BYTES + 1)
    manifest, problems, _ = read_manifest(text, entry.id)
    if strict:
        problems = read_manifest(text, entry.id, strict=True).problems
    claims = claim_problems(manifest, lambda module: ships_module(names, module), extras) if manifest else []
    data = tomllib.loads(text.decode("utf-8-sig")) if manifest else {}
    sources = _sources(archive, names, manifest.plugin) if manifest else {}
    return WheelProvider(entry.id, manifest, data, problems, tuple(claims), sources)


def _sources(archive: zipfile.ZipFile, names: list[str], module: str) -> dict[str, str]:
    stem = module.replace(".", "/")
    found = next((name for name in (f"{stem}.py", f"{stem}/__init__.py") if name in names), "")
    return {module: _text(archive, found)} if found else {}


def _served(archive: zipfile.ZipFile, names: list[str]) -> range | None:
    texts = (_text(archive, name) for name in names if name.startswith("penstock/spec/") and name.endswith(".py"))
    return next((served for text in texts if (served := served_specs(text))), None)
