"""The lock: the exact distributions of a project, in the format of PEP 751 (``pylock.toml``)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from penstock_manifest.format import plain

from penstock_plugin_manager.errors import IncompatibleError, ManagerError
from penstock_plugin_manager.model.names import normalize
from penstock_plugin_manager.model.toml import value

VERSION = "1.0"
TOOL_SCHEMA = 1
_ANEW = "take the file away and make it anew: plugin-manager lock"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)


class File(NamedTuple):
    """A wheel or an sdist that may be installed.

    Attributes:
        other_hash: ``algorithm=digest`` of another algorithm, where a source tells no SHA-256; it is not written.
    """

    name: str
    url: str = ""
    path: str = ""
    sha256: str = ""
    size: int | None = None
    uploaded: dt.datetime | None = None
    other_hash: str = ""

    @property
    def place(self) -> str:
        """Return its address, or its path."""
        return self.url or self.path

    @property
    def local_path(self) -> str:
        """Return the path of a file on this machine; empty for one of an index."""
        return file_path(self.url) if self.url.startswith("file://") else self.path


class Locked(NamedTuple):
    """One distribution at one version."""

    name: str
    version: str
    marker: str = ""
    requires_python: str = ""
    dependencies: tuple[str, ...] = ()
    source_index: str = ""
    wheels: tuple[File, ...] = ()
    sdist: File | None = None
    directory: str = ""
    editable: bool = False
    archive: File | None = None
    publisher: str = ""

    @property
    def installable(self) -> bool:
        """Tell whether anything is named to install it from."""
        return bool(self.wheels or self.sdist or self.directory or self.archive)

    @property
    def place(self) -> str:
        """Return the folder or the file that it was asked for by; "" for one that comes from a source."""
        return self.directory or (self.archive.place if self.archive else "")


class Lock(NamedTuple):
    """A resolution that can be installed again anywhere it claims to serve.

    Attributes:
        roots: The requirements that it was solved for.
        universal: Whether it serves all platforms, or only the one on which it was made.
    """

    packages: tuple[Locked, ...]
    requires_python: str = ">=3.11"
    roots: tuple[str, ...] = ()
    universal: bool = True
    environments: tuple[str, ...] = ()

    def at(self, folder: str) -> Lock:
        """Return the lock with relative paths turned into URLs below a folder's URL."""

        def absolute(file: File) -> File:
            return file._replace(url=f"{folder}/{file.path}", path="") if file.path else file

        return self._with_files(absolute)

    def relative_to(self, folder: str) -> Lock:
        """Return the lock with files below a folder's URL named by relative paths, so that the folder may move."""

        def relative(file: File) -> File:
            below = file.url.startswith(f"{folder}/")
            return file._replace(url="", path=file.url.removeprefix(f"{folder}/")) if below else file

        return self._with_files(relative)

    def _with_files(self, change: Callable[[File], File]) -> Lock:
        packages = (
            each._replace(
                wheels=tuple(change(file) for file in each.wheels), sdist=change(each.sdist) if each.sdist else None
            )
            for each in self.packages
        )
        return self._replace(packages=tuple(packages))

    def for_environment(self, markers: Mapping[str, str]) -> dict[str, Locked]:
        """Return what is to stand in one environment, by name."""
        from packaging.markers import Marker  # noqa: PLC0415  a lock without markers need not pay

        env = dict(markers)
        return {each.name: each for each in self.packages if not each.marker or Marker(each.marker).evaluate(env)}


def file_path(url: str) -> str:
    """Return the path that a ``file://`` URL names."""
    from urllib.request import url2pathname  # noqa: PLC0415  drags in all of HTTP; only local files ask

    return url2pathname(urlsplit(url).path)


def order(package: Locked) -> tuple[str, str, str]:
    """Return the key by which packages are ordered; a name may stand several times, under different markers."""
    return (package.name, package.version, package.marker)


def write_lock(lock: Lock) -> str:
    """Return the text of a ``pylock.toml``, the same for equal locks."""
    lines = [f"lock-version = {value(VERSION)}", 'created-by = "penstock-plugin-manager"']
    lines.append(f"requires-python = {value(lock.requires_python)}")
    if lock.environments:
        lines.append(f"environments = {value(lock.environments)}")
    for package in sorted(lock.packages, key=order):
        lines += ["", "[[packages]]", *_package_lines(package)]
    lines += ["", "[tool.penstock]", f"schema = {TOOL_SCHEMA}", f"roots = {value(lock.roots)}"]
    lines.append(f"universal = {value(lock.universal)}")
    publishers = {each.name: each.publisher for each in sorted(lock.packages, key=order) if each.publisher}
    if publishers:
        lines.append(f"publishers = {value(publishers)}")
    return "\n".join(lines) + "\n"


def _package_lines(package: Locked) -> list[str]:
    lines = [f"name = {value(package.name)}"]
    for key, text in (
        ("version", package.version),  # a folder may have none: it is known when it is built
        ("marker", package.marker),
        ("requires-python", package.requires_python),
        ("index", package.source_index),
    ):
        if text:
            lines.append(f"{key} = {value(text)}")
    if package.dependencies:
        lines.append(f"dependencies = {value([{'name': name} for name in package.dependencies])}")
    if package.directory:
        lines.append(f"directory = {value({'path': package.directory, 'editable': package.editable})}")
    if package.archive:
        place = {key: text for key, text in _file(package.archive).items() if key != "name"}
        lines.append(f"archive = {value(place)}")
    if package.sdist:
        lines.append(f"sdist = {value(_file(package.sdist))}")
    if package.wheels:
        lines.append("wheels = [")
        lines += [
            f"  {value(_file(each))},"
            for each in sorted(package.wheels, key=lambda file: (file.name, file.url, file.path))
        ]
        lines.append("]")
    return lines


def _file(file: File) -> dict[str, Any]:
    data: dict[str, Any] = {"name": file.name}
    pairs = (("url", file.url), ("path", file.path), ("upload-time", file.uploaded), ("size", file.size))
    data |= {key: item for key, item in pairs if item not in {"", None}}
    return {**data, "hashes": {"sha256": file.sha256} if file.sha256 else {}}


def read_lock(data: dict[str, Any], name: str) -> Lock:
    """Read a parsed ``pylock.toml``, from this manager or any other tool that writes PEP 751.

    Raises:
        ManagerError: it is no lock, or one of a schema that is not known here.
    """
    version = data.get("lock-version")
    if not isinstance(version, str) or version.split(".")[0] != VERSION.split(".", maxsplit=1)[0]:
        raise ManagerError(
            f"{name} has lock-version {version!r}; this manager reads {VERSION}.",
            f"Update the manager, or {_ANEW}",
        )
    tool = data.get("tool", {}).get("penstock", {})
    if tool.get("schema", TOOL_SCHEMA) != TOOL_SCHEMA:
        raise ManagerError(
            f"{name} was written by another manager: its schema is {tool['schema']!r}, not {TOOL_SCHEMA}.",
            f"Update the manager, or {_ANEW}",
        )
    publishers = tool.get("publishers", {})
    try:
        packages = tuple(_read_package(item, publishers) for item in data.get("packages", ()))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ManagerError(f"{name} holds a package that cannot be read: {error!r}.", _ANEW.capitalize()) from None
    return Lock(
        packages,
        data.get("requires-python", ""),
        tuple(tool.get("roots", ())),
        bool(tool.get("universal", True)),
        tuple(data.get("environments", ())),
    )


def check_lock(lock: Lock, name: str) -> Lock:
    """Return the lock of a project if it names and pins every file, as PEP 751 demands of it.

    Raises:
        ManagerError: a package or a file of it does not; the message says which.
    """
    for package in lock.packages:
        problem = _problem(package)
        if problem:
            shown = plain(f"{package.name} {package.version}".strip(), 100)
            raise ManagerError(f"{name}, package {shown}: {problem}.", _ANEW.capitalize())
    return lock


def _problem(package: Locked) -> str:
    if not _NAME.fullmatch(package.name):
        return "this is no name of a package"
    files = [*package.wheels, *([package.sdist] if package.sdist else [])]
    if files and not package.version:
        return "its version is missing"
    for file in files:
        if not file.name or not file.name.isprintable() or {"/", "\\"} & set(file.name):
            return f"{plain(file.name, 100)!r} is no name of a file"
    for file in (*files, *([package.archive] if package.archive else [])):
        if not (_SHA256.fullmatch(file.sha256) or (file.other_hash and not file.sha256)):
            return f"the file {plain(file.name, 100)} has no hash, so any other could take its place"
    return ""


def _read_package(item: dict[str, Any], publishers: dict[str, str]) -> Locked:
    directory = item.get("directory", {})
    archive = item.get("archive", {})
    name = normalize(item["name"])
    if not isinstance(item.get("version", ""), str):
        raise TypeError(f"the version of {name} must be text")
    return Locked(
        name=name,
        version=item.get("version", ""),
        marker=item.get("marker", ""),
        requires_python=item.get("requires-python", ""),
        dependencies=tuple(each["name"] for each in item.get("dependencies", ())),
        source_index=item.get("index", ""),
        wheels=tuple(_read_file(each) for each in item.get("wheels", ())),
        sdist=_read_file(item["sdist"]) if "sdist" in item else None,
        directory=directory.get("path", ""),
        editable=bool(directory.get("editable", False)),
        archive=_read_file(archive) if archive else None,
        publisher=publishers.get(name, ""),
    )


def _read_file(item: dict[str, Any]) -> File:
    url, path = item.get("url", ""), item.get("path", "")
    name = item.get("name") or unquote(urlsplit(url).path if url else path).rpartition("/")[2]
    hashes, size = item.get("hashes", {}), item.get("size")
    if not isinstance(size, int | None):
        raise TypeError(f"the size of {name} must be a number")
    uploaded = item.get("upload-time")
    instant = uploaded if isinstance(uploaded, dt.datetime) else None
    if instant and instant.tzinfo is None:
        instant = instant.replace(tzinfo=dt.UTC)  # PEP 751 wants UTC, whether it is written or not
    other = next((f"{key}={digest}" for key, digest in hashes.items() if key != "sha256"), "")
    return File(name, url, path, hashes.get("sha256", ""), size, instant, other)


def fitting(package: Locked, tags: Iterable[str]) -> File | None:
    """Return the wheel of a package that suits the tags best (given best first), or None."""
    by_tag: dict[str, File] = {}
    for wheel in package.wheels:
        for tag in file_tags(wheel.name):
            by_tag.setdefault(tag, wheel)
    return next((by_tag[tag] for tag in tags if tag in by_tag), None)


def file_tags(filename: str) -> list[str]:
    """Return the tags of a wheel's file name, expanded: ``py3-none-any``."""
    parts = filename.removesuffix(".whl").split("-")
    if len(parts) < 5:
        return []
    pythons, abis, platforms = (part.split(".") for part in parts[-3:])
    return [f"{p}-{a}-{q}" for p in pythons for a in abis for q in platforms]


def chosen_file(package: Locked, tags: Iterable[str], where: str) -> File | None:
    """Return the file that will be installed here; None for a package that is a local directory or archive.

    Raises:
        IncompatibleError: there is neither a fitting wheel nor a source distribution.
    """
    if package.directory or package.archive:
        return None
    file = fitting(package, tags) or package.sdist
    if file is None:
        found = ", ".join(sorted(each.name for each in package.wheels)[:3]) or "no file at all"
        raise IncompatibleError(
            f"{package.name} {package.version} has no wheel for {where} and no source distribution.",
            "Use a Python that it supports, or ask for another version.",
            f"found: {found}",
        )
    return file
