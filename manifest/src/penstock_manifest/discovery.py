"""Finding providers: the entry points of installed distributions, as importlib-metadata reads them.

Nothing of a provider is imported. The library takes 20 ms and more to import, so that a cache answers first where the
caller names a folder for it (`penstock_manifest.cache`).
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock_manifest import cache as caches
from penstock_manifest.environments import SearchPath
from penstock_manifest.format import plain
from penstock_manifest.judge import MOST_BYTES

if TYPE_CHECKING:
    from email.message import Message

    from importlib_metadata import EntryPoint
    from importlib_metadata._meta import IDistribution

_METADATA = 256 << 10
"""Letters of a metadata file that are read: real ones have a tenth of it above their description."""
_REQUIRED = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
"""The name at the beginning of a requirement (PEP 508)."""
GROUP = "penstock.providers"
"""The group of entry points that announce providers."""


class ProviderEntryPoint(NamedTuple):
    """An entry point that announces a provider.

    Attributes:
        id: Name of the entry point.
        value: What it names, as written: ``package:file``.
        package: The package that holds the manifest; "" if ``problem`` says why there is none.
        file: The manifest's name in the package.
        distribution: Name of the distribution.
        version: Its version; "" if its metadata has none.
        site: The folder or zip file that holds its metadata and, unless it is editable, its packages.
        metadata: The folder or file of its metadata.
        problem: Why it leads nowhere, as a sentence; "" if it is well formed.
        where: Where it was found; None for this process' own ``sys.path``.
    """

    id: str
    value: str
    package: str
    file: str
    distribution: str
    version: str
    site: str
    metadata: str
    problem: str = ""
    where: SearchPath | None = None


def find_providers(where: SearchPath | None = None, *, cache: str | None = None) -> list[ProviderEntryPoint]:
    """Find every provider that is announced, sorted by id.

    Of several copies of one distribution the library's choice counts: the first on the path that has metadata.

    Args:
        where: Where to look; this process' own ``sys.path`` unless given.
        cache: Folder in which the answer is kept and looked up; None to ask the library.
    """
    if cache is None or (where is None and _has_foreign_finders()):
        return _found(where)
    stamp = caches.stamp(list(dict.fromkeys(sys.path if where is None else where.folders)))
    rows = caches.load(cache, stamp, len(ProviderEntryPoint._fields) - 1)
    if rows is not None:
        return [ProviderEntryPoint(*row)._replace(where=where) for row in rows]
    found = _found(where)
    caches.keep(cache, stamp, [each[:-1] for each in found])
    return found


def distributions(where: SearchPath | None = None) -> "Iterator[IDistribution]":
    """Yield every installed distribution once, as importlib-metadata's ``entry_points`` chooses among copies.

    Args:
        where: As for `find_providers`.
    """
    # An entry that stands twice on the path would give each of its distributions twice; the library is not asked twice.
    locations = dict.fromkeys(sys.path if where is None else where.folders)
    found = [dist for each in locations for dist in distributions_in(each)]
    seen = set()
    # A copy without metadata is what a broken removal left; it must not hide a whole one.
    for dist in sorted(found, key=lambda each: not has_metadata(each)):
        name = _key(dist)
        # pip renames what it is about to delete; what a killed pip left is no distribution
        if name not in seen and not os.path.basename(metadata_of(dist)).startswith("~"):
            seen.add(name)
            yield dist


def distributions_in(location: str, name: str | None = None) -> "Iterable[IDistribution]":
    """Return the distributions of one folder or zip file of a path, without those of its neighbours.

    Args:
        location: A folder or a zip file.
        name: The only distribution that is asked for.
    """
    import importlib_metadata  # noqa: PLC0415 - a cache that answers saves its import

    if os.path.isfile(location):
        from penstock_manifest.zip_files import zipped_distributions  # noqa: PLC0415 - few lie in a zip file

        asked = importlib_metadata.Prepared(name).normalized
        return [dist for dist in zipped_distributions(location) if asked in (None, _key(dist))]
    return importlib_metadata.distributions(path=[location], **({"name": name} if name else {}))


def has_metadata(dist: "IDistribution") -> bool:
    """Tell whether a distribution has metadata that can be read."""
    return any(_text(dist, name) for name in ("METADATA", "PKG-INFO", ""))


def metadata_of(dist: "IDistribution") -> str:
    """Return the folder or file of a distribution's metadata, "" if it lies in no file system.

    The library names it to no one; RECORD, INSTALLER and REQUESTED lie in it.
    """
    return str(getattr(dist, "_path", "")).rstrip("/")


def installed_bytes(entry: ProviderEntryPoint) -> int:
    """Return the size of a distribution's files as it wrote them down when it was installed; 0 if it did not."""
    try:
        with open(os.path.join(entry.metadata, "RECORD"), encoding="utf-8") as record:
            sizes = [line.rstrip().rpartition(",")[2] for line in record]
    except (OSError, UnicodeDecodeError):
        return 0
    return sum(int(size) for size in sizes if size.isdecimal() and len(size) < 16)


def missing_requirements(entry: ProviderEntryPoint) -> list[str]:
    """Return the names of distributions that a provider's own requires and that are not installed where it is.

    Those of an extra, and those that a marker may leave out, are not looked for; nor are versions.
    """
    try:
        with open(os.path.join(entry.metadata, "METADATA"), encoding="utf-8") as metadata:
            head = metadata.read(_METADATA).partition("\n\n")[0]
    except (OSError, UnicodeDecodeError):
        return []
    lines = [line.removeprefix("Requires-Dist:") for line in head.splitlines() if line.startswith("Requires-Dist:")]
    names = [found[0] for line in lines if ";" not in line and (found := _REQUIRED.match(line.strip()))]
    locations = dict.fromkeys(sys.path if entry.where is None else entry.where.folders)
    return [name for name in names if not any(dist for each in locations for dist in distributions_in(each, name))]


def read_manifest_file(entry: ProviderEntryPoint) -> tuple[str, bytes]:
    """Read the file that an entry point names; path and content are returned.

    Args:
        entry: What was found.

    Raises:
        ValueError: There is no such file, or it cannot be read; the text is a sentence.
    """
    if entry.problem:
        raise ValueError(entry.problem)
    inside = [*entry.package.split("."), entry.file]
    if os.path.isfile(entry.site):
        return _read_zipped(entry, inside)
    for top in (os.path.join(entry.site, inside[0]), *package_folders(inside[0], entry.where)):
        file = os.path.join(top, *inside[1:])
        if os.path.isfile(file):
            # A link may lead to any file of the machine, and what it shows is printed and sent to others.
            if os.path.commonpath([os.path.realpath(top), os.path.realpath(file)]) != os.path.realpath(top):
                raise ValueError(f"its manifest {file} leads out of the package {entry.package!r}; it must lie inside")
            return file, _read(file)
    raise ValueError(
        f"its manifest {entry.file!r} is not in the package {entry.package!r}; was it left out of the wheel?"
    )


def _found(where: SearchPath | None) -> list[ProviderEntryPoint]:
    found = [each for dist in distributions(where) for each in announced(dist, where)]
    return sorted(found, key=lambda each: (each.id, each.distribution))


def announced(dist: "IDistribution", where: SearchPath | None = None) -> Iterator[ProviderEntryPoint]:
    """Yield each entry point by which a distribution announces a provider, an installed one or one in a wheel.

    Args:
        dist: What the library read.
        where: As for `find_providers`.
    """
    try:
        entries = list(dist.entry_points.select(group=GROUP))
    except Exception:  # noqa: BLE001 - not UTF-8, a line without "=", a folder: the library raises what its parts raise
        return  # whether it announces anything cannot be told
    name, version = _name_and_version(dist) if entries else ("", "")
    for entry in entries:
        package, file, problem = target_of(entry)
        yield ProviderEntryPoint(
            plain(entry.name, 100), entry.value, package, file, plain(name, 200), plain(version, 100),
            str(dist.locate_file("")).rstrip("/"), metadata_of(dist), problem, where,
        )  # fmt: skip


def target_of(entry: "EntryPoint") -> tuple[str, str, str]:
    """Return package and file of an entry point as the library takes it apart, or what is wrong with it."""
    try:
        package, file = entry.module, entry.attr
    except (ValueError, AttributeError):  # AttributeError: importlib-metadata 8
        package, file = "", ""
    parts = package.split(".")
    if not file or file.strip(".") != file or not all(part.isidentifier() for part in parts):
        shown = entry.value if len(entry.value) < 100 else entry.value[:99] + "…"
        return "", "", f"its entry point is {shown!r}; it must be 'package:file', such as 'penstock_x:provider.toml'"
    return package, file, ""


def headers(text: str) -> "Message":
    """Return the fields of core metadata, without the description below them.

    Args:
        text: The file's text; of one that is made to take minutes, the beginning counts.
    """
    from email.parser import HeaderParser  # noqa: PLC0415 - a cache that answers saves its import

    return HeaderParser().parsestr(text[:_METADATA].replace("\r\n", "\n").partition("\n\n")[0] + "\n\n")


def _name_and_version(dist: "IDistribution") -> tuple[str, str]:
    """Return name and version by the metadata, else by the metadata folder's name."""
    stem = os.path.basename(metadata_of(dist)).rpartition(".")[0]
    try:
        text = dist.read_text("METADATA") or dist.read_text("PKG-INFO") or dist.read_text("") or ""
    except (OSError, ValueError):
        text = ""
    fields = headers(text)
    name, version = fields.get("Name"), fields.get("Version")
    return str(name or stem.partition("-")[0]), str(version or stem.partition("-")[2])


def _key(dist: "IDistribution") -> str:
    """Return the name by which the library identifies copies of a distribution."""
    try:
        key: Any = getattr(dist, "_normalized_name", None) or dist.name
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        key = metadata_of(dist)
    return str(key)


def _text(dist: "IDistribution", name: str) -> str | None:
    try:
        return dist.read_text(name)
    except (OSError, ValueError):
        return "unreadable"


def _has_foreign_finders() -> bool:
    """Tell whether something but the path may name distributions: no cache knows what that reads."""
    known = ("importlib", "_frozen_importlib", "importlib_metadata")
    return any(
        hasattr(finder, "find_distributions")
        and getattr(finder, "__module__", "").partition(".")[0].removesuffix("_external") not in known
        for finder in sys.meta_path
    )


def package_folders(top: str, where: SearchPath | None) -> list[str]:
    """Return where a top-level package lies; finding its spec runs none of its code."""
    import importlib.util  # noqa: PLC0415 - needed for editable installs alone
    from importlib.machinery import ModuleSpec, PathFinder  # noqa: PLC0415 - likewise

    if where is not None and top in where.modules:
        return [where.modules[top]]
    spec: ModuleSpec | None
    try:
        spec = importlib.util.find_spec(top) if where is None else PathFinder.find_spec(top, list(where.folders))
    except (ImportError, ValueError, AttributeError):
        return []
    return list(spec.submodule_search_locations or ()) if spec else []


def _read(file: str) -> bytes:
    try:
        with open(file, "rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"its manifest {file} cannot be read: {error.strerror}") from error


def _read_zipped(entry: ProviderEntryPoint, inside: list[str]) -> tuple[str, bytes]:
    from zipimport import ZipImportError, zipimporter  # noqa: PLC0415 - few providers lie in a zip file

    file = os.path.join(entry.site, *inside)
    try:
        return file, zipimporter(entry.site).get_data(file)
    except (ZipImportError, OSError):
        raise ValueError(
            f"its manifest {entry.file!r} is not in the package {entry.package!r} of {entry.site}"
        ) from None
