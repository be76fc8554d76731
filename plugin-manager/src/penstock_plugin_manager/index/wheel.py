"""Wheels: what they say about themselves, read from the archive without unpacking or importing it."""

from __future__ import annotations

import hashlib
import io
import tomllib
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.installed.site import SPEC_VERSION, parse_metadata
from penstock_plugin_manager.model.manifest import Manifest, read_manifest
from penstock_plugin_manager.model.names import GROUP, normalize


class WheelProvider(NamedTuple):
    """A provider that lies in a wheel; without a manifest when it is broken."""

    id: str
    manifest: Manifest | None
    data: dict[str, Any]
    problems: tuple[str, ...]


class Wheel(NamedTuple):
    """What a wheel says about itself."""

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
    spec_version: str = ""


def read_wheel(path: Path) -> Wheel:
    """Read a wheel file.

    Raises:
        ManagerError: it is no wheel.
    """
    try:
        return read_wheel_bytes(path.name, path.read_bytes())
    except OSError as error:
        raise ManagerError(f"{path} cannot be read: {error.strerror}.") from None


def read_wheel_bytes(filename: str, body: bytes) -> Wheel:
    """Read a wheel from its bytes.

    Raises:
        ManagerError: it is no wheel.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = archive.namelist()
            info = next(name.partition("/")[0] for name in names if name.endswith(".dist-info/METADATA"))
            fields = parse_metadata(_text(archive, f"{info}/METADATA"))
            points = _entry_points(
                _text(archive, f"{info}/entry_points.txt") if f"{info}/entry_points.txt" in names else ""
            )
            found = tuple(_provider(archive, names, entry, target) for entry, target in points)
            unpacked = sum(each.file_size for each in archive.infolist())
            spec = _spec(archive, names)
            name, version = fields["name"][0], fields["version"][0]
    except (zipfile.BadZipFile, StopIteration, KeyError, OSError) as error:
        raise ManagerError(f"{filename} is no wheel: {error!s:.100}.", "Build it again.") from None
    return Wheel(
        filename, normalize(name), version, tuple(fields.get("requires-dist", ())),
        fields.get("requires-python", [""])[0], (fields.get("license-expression") or fields.get("license") or [""])[0],
        len(body), unpacked, hashlib.sha256(body).hexdigest(), found, spec,
    )  # fmt: skip


def _text(archive: zipfile.ZipFile, name: str) -> str:
    return archive.read(name).decode("utf-8", "replace")


def _entry_points(text: str) -> list[tuple[str, str]]:
    found, inside = [], False
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("["):
            inside = line == f"[{GROUP}]"
        elif inside and "=" in line:
            name, _, target = line.partition("=")
            found.append((name.strip(), target.strip()))
    return found


def _provider(archive: zipfile.ZipFile, names: list[str], entry: str, target: str) -> WheelProvider:
    package, _, file = target.partition(":")
    inside = f"{package.replace('.', '/')}/{file}"
    if inside not in names:
        return WheelProvider(entry, None, {}, (f"manifest {inside} is missing",))
    try:
        data = tomllib.loads(archive.read(inside).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return WheelProvider(entry, None, {}, (f"manifest {inside} is no TOML: {error}",))
    reading = read_manifest(data, entry)
    return WheelProvider(entry, reading.manifest, data, reading.problems)


def _spec(archive: zipfile.ZipFile, names: list[str]) -> str:

    for name in names:
        if name.startswith("penstock/spec/") and name.endswith(".py"):
            found = SPEC_VERSION.search(_text(archive, name))
            if found:
                return str(found[1])
    return ""
