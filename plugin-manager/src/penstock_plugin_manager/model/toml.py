"""TOML: values in the form that is written, documents as they are read."""

from __future__ import annotations

import datetime as dt
import json
import re
import tomllib
from pathlib import Path
from typing import Any

from penstock_plugin_manager.errors import ManagerError

BOM = "\ufeff"
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def value(data: object) -> str:
    """Return a TOML value; tables are written inline.

    Raises:
        TypeError: the value has no form in TOML.
    """
    if isinstance(data, bool):
        return "true" if data else "false"
    if isinstance(data, (int, float)):
        return repr(data)
    if isinstance(data, str):
        return json.dumps(data, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(data, dt.datetime) and data.tzinfo:
        return data.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(data, (dt.datetime, dt.date, dt.time)):
        return data.isoformat()
    if isinstance(data, (list, tuple)):
        return f"[{', '.join(value(item) for item in data)}]"
    if isinstance(data, dict):
        inner = ", ".join(f"{key(name)} = {value(item)}" for name, item in data.items())
        return f"{{ {inner} }}" if inner else "{}"
    raise TypeError(f"{type(data).__name__} has no form in TOML")


def key(name: str) -> str:
    """Return a key, quoted where it must be."""
    return name if _BARE.match(name) else value(name)


def parse(text: str, name: str) -> dict[str, Any]:
    """Parse a TOML document.

    Raises:
        ManagerError: it is no TOML; the message names the file and the place.
    """
    try:
        return tomllib.loads(text.removeprefix(BOM))
    except tomllib.TOMLDecodeError as error:
        raise ManagerError(f"{name} is no valid TOML: {error}", "Mend the file; nothing was changed.") from None


def read_text(path: Path) -> str:
    """Return a file's text with the line ends and the byte order mark that it has; "" where there is no file.

    Raises:
        ManagerError: it is no UTF-8, which TOML is by definition.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise ManagerError(
            f"{path} is not UTF-8: byte 0x{error.object[error.start]:02x} at offset {error.start}.",
            "Save it as UTF-8; nothing was changed.",
        ) from None
