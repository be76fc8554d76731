"""The last answer of discovery, while everything that the library would read is as it was.

The stamp of an answer holds, for each place on the path, its modification time and that of every metadata folder in it and
of the files of these that discovery rests on. A cache that cannot be read or written is none, never an error.
"""

import json
import os
import time
import zlib
from collections.abc import Sequence
from typing import Any

_SCHEMA = 1
_SETTLED_NS = 2_000_000_000
"""What changed so recently may change again within the same tick of a file system's clock: no answer about it is kept."""


def stamp(path: Sequence[str]) -> list[Any]:
    """Return a stamp of a path: while it is equal, discovery would read what it read before."""
    return [_SCHEMA, *([place, *_stamp_of(place), _infos(place)] for place in path)]


def load(folder: str, stamp: list[Any], columns: int) -> list[Any] | None:
    """Return the answer kept for a stamp; None if there is none.

    Args:
        folder: Where answers are kept.
        stamp: What the library would read.
        columns: Number of texts in each row of an answer.
    """
    try:
        # Not every file ends: what stands in place of the cache may be a pipe.
        if not os.path.isfile(_file(folder, stamp)):
            return None
        with open(_file(folder, stamp), encoding="utf-8") as stream:
            kept = json.load(stream)
    except (OSError, ValueError, RecursionError):
        return None
    rows = kept.get("rows") if isinstance(kept, dict) and kept.get("stamp") == stamp else None
    return rows if isinstance(rows, list) and all(_is_row(row, columns) for row in rows) else None


def _is_row(row: object, columns: int) -> bool:
    return isinstance(row, list) and len(row) == columns and all(isinstance(each, str) for each in row)


def keep(folder: str, stamp: list[Any], rows: Sequence[Any]) -> None:
    """Keep an answer; a folder that cannot be written to keeps none."""
    if _newest(stamp) > time.time_ns() - _SETTLED_NS:
        return
    target = _file(folder, stamp)
    part = f"{target}.{os.getpid()}"
    try:
        os.makedirs(folder, exist_ok=True)
        with open(part, "w", encoding="utf-8") as stream:
            json.dump({"stamp": stamp, "rows": rows}, stream)
        os.replace(part, target)
    except OSError:
        if os.path.exists(part):  # a disk that was full shall not be left fuller
            os.unlink(part)


def _file(folder: str, stamp: list[Any]) -> str:
    """Return the file for a path: environments that share a folder do not displace each other's answers."""
    locations = "\n".join(place[0] for place in stamp[1:])
    return os.path.join(folder, f"providers-{zlib.crc32(locations.encode(errors='surrogateescape')):08x}.json")


def _infos(place: str) -> list[Any]:
    try:
        names = os.listdir(place or ".")
    except OSError:  # a zip file has a stamp of its own; what cannot be listed has nothing
        return []
    wanted = sorted(
        name for name in names if name.lower().endswith((".dist-info", ".egg-info")) or name.lower() == "egg-info"
    )
    return [[name, *_info_stamps(os.path.join(place, name))] for name in wanted]


def _info_stamps(info: str) -> list[int]:
    files = ("entry_points.txt", "METADATA", "PKG-INFO")
    return [*_stamp_of(info), *(number for name in files for number in _stamp_of(os.path.join(info, name)))]


def _stamp_of(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path or ".")
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _newest(stamp: list[Any]) -> int:
    times = [0]
    for _, changed, _, infos in stamp[1:]:
        times.append(changed)
        times += [number for info in infos for number in info[1::2]]
    return max(times)
