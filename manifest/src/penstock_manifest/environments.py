"""The folders that the Python of an environment searches, found without starting it.

A virtual environment may be broken, or belong to another Python than the one that asks; its layout, its ``.pth`` files and
the finders of editable installs are plain files. How they are read follows the standard library's ``site``.
"""

import ast
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple


class SearchPath(NamedTuple):
    """Where a Python looks for distributions and packages.

    Attributes:
        folders: Folders and zip files, in the order of ``sys.path``.
        modules: Folders of top-level packages that a finder of an editable install knows, by name.
    """

    folders: tuple[str, ...]
    modules: Mapping[str, str] = {}


def search_path(*sites: str, pythonpath: str = "") -> SearchPath:
    """Return what a Python searches that has these site folders.

    Args:
        sites: Folders such as ``site-packages``; each is followed by those that its ``.pth`` files add.
        pythonpath: The variable ``PYTHONPATH``; its folders come first, and their ``.pth`` files add nothing.
    """
    folders = dict.fromkeys(each for each in pythonpath.split(os.pathsep) if each)
    modules: dict[str, str] = {}
    for site in sites:
        folders.setdefault(site)
        for line in _pth_lines(site):
            if line.startswith(("import ", "import\t")):
                modules.update(_finder_modules(site, line))
            else:
                added = os.path.join(site, line)
                if os.path.exists(added):
                    folders.setdefault(added)
    return SearchPath(tuple(folders), modules)


def environment_path(root: str, variables: Mapping[str, str]) -> SearchPath:
    """Return what the Python of a virtual environment searches, the standard library left out.

    Args:
        root: The environment's folder.
        variables: The environment variables with which it would be started.
    """
    config = _config(os.path.join(root, "pyvenv.cfg"))
    version = ".".join((config.get("version_info") or config.get("version") or "").split(".")[:2])
    sites = _sites(root, version)
    if config.get("include-system-site-packages", "").lower() == "true":
        version = version or _version_of(sites)
        if not variables.get("PYTHONNOUSERSITE"):
            base = variables.get("PYTHONUSERBASE") or os.path.join(variables.get("HOME", ""), ".local")
            sites += [site for site in _sites(base, version) if os.path.isabs(site)]
        sites += _system_sites(os.path.dirname(config.get("home", "")), version)
    return search_path(*dict.fromkeys(sites), pythonpath=variables.get("PYTHONPATH", ""))


def _config(file: str) -> dict[str, str]:
    try:
        with open(file, encoding="utf-8", errors="replace") as stream:
            pairs = [line.partition("=") for line in stream if "=" in line]
    except OSError:
        return {}
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _sites(prefix: str, version: str) -> list[str]:
    """Return the site folders of a prefix; of its Python's version where that is known and there."""
    found = []
    for library in ("lib", "lib64"):
        folder = os.path.join(prefix, library)
        named = os.path.join(folder, f"python{version}", "site-packages")
        if version and os.path.isdir(named):
            found.append(named)
        elif library == "lib":
            names = sorted(name for name in _listed(folder) if name.startswith("python"))
            found += [site for name in names if os.path.isdir(site := os.path.join(folder, name, "site-packages"))]
    windows = os.path.join(prefix, "Lib", "site-packages")
    if not found and os.path.isdir(windows):
        found.append(windows)
    # lib64 is a link to lib in most environments
    return list({os.path.realpath(site): site for site in reversed(found)}.values())[::-1]


def _system_sites(prefix: str, version: str) -> list[str]:
    """Return the site folders of the Python that an environment was made from, Debian's own names included."""
    if not os.path.isabs(prefix):
        return []
    debian = [
        os.path.join(prefix, "local", "lib", f"python{version}", "dist-packages"),
        os.path.join(prefix, "lib", "python3", "dist-packages"),
    ]
    return [*_sites(prefix, version), *filter(os.path.isdir, debian)]


def _version_of(sites: Iterable[str]) -> str:
    names = (os.path.basename(os.path.dirname(site)) for site in sites)
    return next((name.removeprefix("python") for name in names if name.startswith("python")), "")


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _pth_lines(site: str) -> Iterator[str]:
    for name in _listed(site):
        if name.endswith(".pth") and not name.startswith("."):
            for line in _text_of(os.path.join(site, name)).splitlines():
                if line.strip() and not line.startswith("#"):
                    yield line.strip()


def _finder_modules(site: str, line: str) -> dict[str, str]:
    """Return the packages that a finder knows which a ``.pth`` line installs, read from the finder's own file.

    Both ways of making editable installs without a folder on the path write literals: setuptools a dict ``MAPPING``, the
    library editables calls of ``map_module``.
    """
    module = line.split()[1].rstrip(";")
    try:
        tree = ast.parse(_text_of(os.path.join(site, f"{module}.py")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and target.id == "MAPPING":
                found |= dict(_texts(zip(node.value.keys, node.value.values, strict=True)))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "map_module":
            pairs = _texts([(node.args[0], node.args[1])] if len(node.args) == 2 else [])
            found |= {name: os.path.dirname(file) for name, file in pairs}
    return found


def _texts(pairs: Iterable[tuple[ast.expr | None, ast.expr]]) -> Iterator[tuple[str, str]]:
    for pair in pairs:
        values = [each.value for each in pair if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        if len(values) == 2:
            yield values[0], values[1]


def _text_of(file: str) -> str:
    try:
        with open(file, encoding="utf-8-sig", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""
