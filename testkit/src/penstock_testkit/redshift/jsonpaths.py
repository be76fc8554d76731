"""JSONPaths files: which element of a document goes into which column.

Source: "JSONPaths file" and "COPY from JSON format" of the Amazon Redshift Database Developer Guide: bracket or dot
notation, never both in one path as wildcards and filters are not; one path a column; an array may be the root.
"""

import json
import re
from typing import Any

from penstock_testkit.redshift.errors import RedshiftError

Path = tuple[str | int, ...]

_STEP = re.compile(r"\.(?P<name>[^.\[\]'\"*?()]+)|\['(?P<quoted>[^']*)'\]|\[(?P<index>\d+)\]")


def read_paths(written: bytes, url: str, columns: int) -> list[Path]:
    """Return the paths of a JSONPaths file.

    Args:
        written: The file.
        url: Where it is.
        columns: How many columns are loaded.

    Raises:
        RedshiftError: It is no such file, holds a path that cannot be, or not one for each column.
    """
    try:
        document = json.loads(written)
        paths = [_path(each) for each in document["jsonpaths"]]
    except (ValueError, KeyError, TypeError):
        raise RedshiftError(f"Invalid JSONPath format: the file {url} is not valid", "XX000") from None
    if len(paths) != columns:
        text = (
            f"Number of jsonpaths and the number of columns should match. JSONPath size: {len(paths)}, "
            f"Number of columns in table or column list: {columns}"
        )
        raise RedshiftError(text, "XX000", f"error: {text} code: 8001")
    return paths


def element(document: Any, path: Path) -> Any:  # noqa: ANN401 - any JSON
    """Return the element at a path, None if there is none."""
    for step in path:
        if isinstance(step, str) and isinstance(document, dict):
            document = document.get(step)
        elif isinstance(step, int) and isinstance(document, list) and step < len(document):
            document = document[step]
        else:
            return None
    return document


def _path(written: str) -> Path:
    if not written.startswith("$"):
        raise ValueError(written)
    steps, at = list[str | int](), 1
    while at < len(written):
        found = _STEP.match(written, at)
        if found is None:
            raise ValueError(written)
        steps.append(int(found["index"]) if found["index"] else found["name"] or found["quoted"])
        at = found.end()
    return tuple(steps)
