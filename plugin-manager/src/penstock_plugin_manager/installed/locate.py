"""Finding the root of the environment that is meant, with ``os`` alone: this runs before anything else is imported.

``from __future__ import annotations`` would read a module of the standard library, for a sixth of the time that a kept ``list`` takes.
"""

import os
import sys

TYPE_CHECKING = False  # typing costs more than the whole module may
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GENERATIONS = ".generations"
STATE = ".penstock"
JOURNAL = "journal.json"
ISOLATED = ".isolated"
ISOLATED_FILE = "penstock-isolated.json"


def find_root(env: str | None, python: str | None, start: str, variables: "Mapping[str, str]") -> str | None:
    """Return the root of the environment that is meant, or None where there is none.

    The order: ``--env``, ``--python``, ``PENSTOCK_ENV``, the active one (``VIRTUAL_ENV``), the ``.venv`` beside the nearest
    ``penstock.toml``, ``.venv`` here, the one that the manager runs in.
    """
    if env:
        return pointer(os.path.abspath(env))
    if python:
        path = os.path.abspath(python)
        return pointer(path if os.path.isdir(path) else os.path.dirname(os.path.dirname(path)))
    for named in (variables.get("PENSTOCK_ENV"), variables.get("VIRTUAL_ENV")):
        if named:
            return pointer(os.path.abspath(named))
    for parent in (project_folder(start), start):
        if parent and os.path.isdir(os.path.join(parent, ".venv")):
            return os.path.join(os.path.abspath(parent), ".venv")
    return pointer(sys.prefix) if sys.prefix != sys.base_prefix else None


def project_folder(start: str) -> str | None:
    """Return the nearest folder upwards that holds a ``penstock.toml``, or None."""
    folder = os.path.abspath(start)
    while True:
        if os.path.isfile(os.path.join(folder, "penstock.toml")):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def pointer(root: str) -> str:
    """Return the pointer that leads to a generation; a folder that is no generation is returned as it is.

    An activated shell names the generation that it was started in, while changes are made to the pointer.
    """
    store = os.path.dirname(root)
    link = store.removesuffix(GENERATIONS)
    return link if store.endswith(GENERATIONS) and os.path.islink(link) else root


def stamp(path: str) -> int:
    """Return a file's modification time in nanoseconds; 0 where there is none."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def read_list_cache(root: str, project: str, form: str) -> str | None:
    """Return the last output of ``list`` while every file on which it rests is as it was, else None.

    The cache file has a line ``schema TAB project TAB environment TAB PYTHONPATH``, as a copy of an environment keeps its stamps, lines
    ``stamp TAB path``, and the output for people and the one for programs, each after a form feed.

    Args:
        root: The environment.
        project: The project's folder or an empty string; disabled providers are its business.
        form: ``text`` or ``json``.
    """
    try:
        with open(os.path.join(root, STATE, LIST_CACHE), encoding="utf-8") as stream:
            head, text, document = stream.read().split("\f")
    except (OSError, ValueError):
        return None
    first, *lines = head.rstrip("\n").split("\n")
    if first != _title(root, project):
        return None
    for line in lines:
        old, _, path = line.partition("\t")
        if str(stamp(path)) != old:
            return None
    return document if form == "json" else text


LIST_CACHE = "list.txt"
LIST_SCHEMA = 4


def write_list_cache(root: str, project: str, paths: list[str], text: str, document: str) -> None:
    """Keep the output of ``list`` for :func:`read_list_cache`; an environment that cannot be written to keeps none."""
    target = os.path.join(root, STATE, LIST_CACHE)
    part = f"{target}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)  # it changes the time of a folder that is watched
        lines = "".join(f"{stamp(path)}\t{path}\n" for path in paths)
        with open(part, "w", encoding="utf-8") as stream:
            stream.write(f"{_title(root, project)}\n{lines}\f{text}\f{document}")
        os.replace(part, target)
    except OSError:
        if os.path.exists(part):  # a disk that was full shall not be left fuller
            os.unlink(part)


def watched_files(folders: "Iterable[str]") -> list[str]:
    """Return what has to stay as it is so that the folders of a Python's path still announce the same providers."""
    found: list[str] = []
    for folder in folders:
        found.append(folder)
        try:
            names = os.listdir(folder)
        except OSError:  # a zip file
            continue
        for name in sorted(names):
            if name.endswith((".dist-info", ".egg-info")):
                info = os.path.join(folder, name)
                points = os.path.join(info, "entry_points.txt")
                found.append(points if os.path.exists(points) else info)  # one that appears changes its folder
            elif name.endswith((".pth", "_finder.py")):
                found.append(os.path.join(folder, name))
    return found


def _title(root: str, project: str) -> str:
    return f"{LIST_SCHEMA}\t{project}\t{os.path.realpath(root)}\t{os.environ.get('PYTHONPATH', '')}"
