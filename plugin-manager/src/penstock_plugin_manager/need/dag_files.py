"""The files of a project, and the evidence in them, kept between calls."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterable
from pathlib import Path
from stat import S_ISREG
from typing import Any

from penstock_plugin_manager.need.evidence import Evidence, read_python, read_text

_SCHEMA = 3
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "build", "dist"})
_CONFIGURATION = (".yaml", ".yml", ".env")
_MANY = 64
_LARGEST = 16 << 20  # the largest source that anybody writes by hand or has written is far below


def find_files(roots: Iterable[Path]) -> list[str]:
    """Return the Python and configuration files below some folders; hidden folders and environments are passed over."""
    found: set[str] = set()
    for root in roots:
        if root.is_file():
            found.add(str(root))
            continue
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if _entered(folder, name)]
            wanted = (name for name in names if name.endswith((".py", *_CONFIGURATION)))
            found |= {os.path.join(folder, name) for name in wanted}  # noqa: PTH118  thousands of paths
    return sorted(found)


def _entered(folder: str, name: str) -> bool:
    if name.startswith(".") or name in _SKIPPED or name.endswith(".generations"):
        return False
    return not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))  # noqa: PTH110,PTH118  thousands of paths


def read_files(paths: list[str], cache: Path) -> dict[str, list[Evidence]]:
    """Return the evidence in each file; a file that did not change since the last call is not read again.

    Args:
        paths: The files.
        cache: File in which evidence is kept; one that cannot be written to is done without.
    """
    known = _load(cache)
    stamps = {path: _stamp(path) for path in paths}
    fresh = [path for path in stamps if path not in known or known[path][0] != stamps[path]]
    read = dict(zip(fresh, _read_all(fresh), strict=True))
    result = {path: read[path] if path in read else [_evidence(item) for item in known[path][1]] for path in stamps}
    if fresh or len(known) > 2 * len(stamps):
        _save(cache, {path: (stamps[path], evidence) for path, evidence in result.items()})
    return result


def _evidence(item: list[Any]) -> Evidence:
    kind, value, line, optional = item
    return Evidence(kind, value, line, optional)


def _read_all(paths: list[str]) -> list[list[Evidence]]:
    """Read files, many of them in several processes. Syntax trees hold no cycles: collecting garbage would only cost."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _in_processes(paths)
    finally:
        if collecting:
            gc.enable()


def _in_processes(paths: list[str]) -> list[list[Evidence]]:
    if len(paths) < _MANY or (os.cpu_count() or 1) < 2:
        return [_read(path) for path in paths]
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415  costs more than a scan in which nothing changed
    from multiprocessing import get_context  # noqa: PLC0415  as above

    with ProcessPoolExecutor(
        min(8, os.cpu_count() or 1), mp_context=get_context("spawn" if os.name == "nt" else "fork")
    ) as pool:
        return list(pool.map(_read, paths, chunksize=16))


def _read(path: str) -> list[Evidence]:
    try:
        stat = os.stat(path)  # noqa: PTH116  as above
        if not S_ISREG(stat.st_mode):
            return [Evidence("unreadable", "it is no regular file", 1)]
        if stat.st_size > _LARGEST:
            return [Evidence("unreadable", f"it has {stat.st_size} bytes; at most {_LARGEST} are read", 1)]
        data = Path(path).read_bytes()
    except OSError as error:
        return [Evidence("unreadable", f"it cannot be opened: {error.strerror}", 1)]
    python = path.endswith(".py")
    try:
        text = _decoded(data, python=python)
    except (UnicodeDecodeError, SyntaxError):
        return [Evidence("unreadable", f"it is not UTF-8{', and names no encoding that it has' * python}", 1)]
    return read_python(text) if python else read_text(text)


def source_of(path: str) -> str:
    """Return the text of a Python file; empty for what cannot be read, which a scan names."""
    found: str = ""
    try:
        if os.stat(path).st_size <= _LARGEST:  # noqa: PTH116  as above
            found = _decoded(Path(path).read_bytes(), python=True)
    except (OSError, UnicodeDecodeError, SyntaxError):
        return ""
    return found


def _decoded(data: bytes, *, python: bool) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        if not python:
            raise
        from importlib.util import decode_source  # noqa: PLC0415  for the few files with a line such as `coding: latin-1`

        return decode_source(data)


def _stamp(path: str) -> str:
    try:
        stat = os.stat(path)  # noqa: PTH116  thousands of paths
    except OSError:
        return ""
    return f"{stat.st_mtime_ns}.{stat.st_size}"


def _load(cache: Path) -> dict[str, tuple[str, list[list[Any]]]]:
    try:
        data = json.loads(cache.read_text(encoding="utf-8"))
        if data["schema"] != _SCHEMA:
            return {}
        files: dict[str, tuple[str, list[list[Any]]]] = data["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return files


def _save(cache: Path, files: dict[str, tuple[str, list[Evidence]]]) -> None:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        temporary = cache.with_name(f"{cache.name}.{os.getpid()}")
        temporary.write_text(json.dumps({"schema": _SCHEMA, "files": files}, separators=(",", ":")), encoding="utf-8")
        temporary.replace(cache)
    except OSError:
        return
