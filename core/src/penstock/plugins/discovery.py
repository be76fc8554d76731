"""Finding providers: from the metadata of installed distributions, importing nothing.

The metadata is read straight from ``*.dist-info`` and ``*.egg-info`` folders, as laid down by the Core Metadata and
Entry Points specifications of the Python Packaging User Guide. Only the two small files that matter are opened, which
is several times faster than `importlib.metadata` (itself 20 ms and more to import); distributions inside zip files are
not seen.
"""

import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import NamedTuple

GROUP = "penstock.providers"
_SECTION = re.compile(rf"^\[{re.escape(GROUP)}\]\s*$(.*?)(?=^\[|\Z)", re.MULTILINE | re.DOTALL)


class Found(NamedTuple):
    """An entry point that announces a provider.

    Attributes:
        id: Name of the entry point.
        value: What it names, ``package:file``.
        distribution: Name of the distribution.
        version: Its version; "" if its metadata tells none.
        site: The folder in which its metadata lies.
        search: The folders in which its package is looked for if it is not beside its metadata; None for ``sys.path``.
    """

    id: str
    value: str
    distribution: str
    version: str
    site: Path
    search: tuple[str, ...] | None = None


def find_providers(path: Sequence[str] | None = None) -> list[Found]:
    """Every provider announced on the path, sorted by id; of two copies of one distribution the first counts.

    Args:
        path: Folders to look into, such as another environment's ``site-packages``; ``sys.path`` unless given.
    """
    search = None if path is None else tuple(_with_editables(path))
    seen, found = set[str](), list[Found]()
    for site in _folders(sys.path if search is None else search):
        for info in _metadata_folders(site):
            stem = _normalized(info.name.rpartition(".")[0].partition("-")[0])
            if stem in seen:
                continue
            seen.add(stem)
            found += _announced(info, site, search)
    return sorted(found, key=lambda each: (each.id, each.distribution))


def locate_manifest(found: Found) -> Path:
    """The file that the entry point names; raises ValueError with a sentence if there is none.

    The distribution's own folder is looked into first; an editable install is followed to its source.
    """
    package, colon, name = found.value.partition(":")
    parts = package.split(".")
    if not colon or not name or not all(part.isidentifier() for part in parts) or ".." in Path(name).parts:
        raise ValueError(
            f"its entry point is {found.value!r}; it must be 'package:file', such as 'penstock_x:provider.toml'"
        )
    beside = found.site.joinpath(*parts, name)
    if beside.is_file():
        return beside
    for folder in _package_folders(parts[0], found.search):
        candidate = Path(folder).joinpath(*parts[1:], name)
        if candidate.is_file():
            return candidate
    raise ValueError(f"its manifest {name!r} is not in the package {package!r}; was it left out of the wheel?")


def _folders(path: Iterable[str]) -> Iterator[Path]:
    for entry in dict.fromkeys(path):
        folder = Path(entry or ".")
        if folder.is_dir():
            yield folder


def _metadata_folders(site: Path) -> Iterator[Path]:
    try:
        entries = sorted(site.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith((".dist-info", ".egg-info")):
            yield entry


def _announced(info: Path, site: Path, search: tuple[str, ...] | None) -> Iterator[Found]:
    text = _text_of(info / "entry_points.txt")
    section = _SECTION.search(text) if GROUP in text else None
    if section is None:
        return
    metadata = _text_of(info / "METADATA") or _text_of(info / "PKG-INFO")
    name = _header(metadata, "Name") or info.name.partition("-")[0]
    for line in section[1].splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.lstrip().startswith(("#", ";")):
            value = value.partition("[")[0].strip()
            yield Found(key.strip(), value, name, _header(metadata, "Version"), site, search)


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _header(metadata: str, name: str) -> str:
    found = re.search(rf"^{name}:[ \t]*(.*?)\s*$", metadata.partition("\n\n")[0], re.MULTILINE)
    return found[1] if found else ""


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _with_editables(path: Iterable[str]) -> Iterator[str]:
    """The folders, each followed by those that its ``.pth`` files add, as `site` would add them."""
    for folder in path:
        yield folder
        for file in sorted(Path(folder).glob("*.pth")):
            for line in _text_of(file).splitlines():
                added = Path(folder, line.strip())
                if line.strip() and not line.startswith(("#", "import ", "import\t")) and added.is_dir():
                    yield str(added)


def _package_folders(top: str, search: tuple[str, ...] | None) -> Iterable[str]:
    """Where a top-level package lies; finding its spec runs none of its code."""
    spec: ModuleSpec | None
    try:
        spec = importlib.util.find_spec(top) if search is None else PathFinder.find_spec(top, list(search))
    except (ImportError, ValueError):
        return ()
    return (spec.submodule_search_locations or ()) if spec else ()
