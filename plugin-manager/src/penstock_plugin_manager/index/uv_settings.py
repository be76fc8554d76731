"""What uv is told on this machine: its variables, ``uv.toml`` and ``[tool.uv]`` of ``pyproject.toml``.

Names, places and order follow https://docs.astral.sh/uv/concepts/configuration-files/ and its page of environment variables.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock_plugin_manager.errors import ManagerError, as_sentence
from penstock_plugin_manager.index.settings import Settings

_ASKING = {
    "index", "index-url", "extra-index-url", "find-links", "no-index", "index-strategy", "keyring-provider",
    "allow-insecure-host", "native-tls", "system-certs",
}  # fmt: skip
"""Keys that say where and how to ask; the manager reads them for both tools."""
_OF_PROJECTS = {
    "sources", "workspace", "managed", "package", "default-groups", "dependency-groups", "dev-dependencies", "environments",
    "required-environments", "conflicts", "build-backend", "override-dependencies", "constraint-dependencies",
    "build-constraint-dependencies", "exclude-dependencies", "extra-build-dependencies", "extra-build-variables",
}  # fmt: skip
"""Keys of ``[tool.uv]`` that ``uv.toml`` does not have or that speak of another project's dependencies."""


def uv_settings(variables: Mapping[str, str], folder: Path) -> Settings:
    """Return what uv's variables and files say.

    Args:
        variables: Environment variables.
        folder: Where the search for the project's file begins, upwards.

    Raises:
        ManagerError: a file is no TOML.
    """
    tables = _tables(variables, folder)
    default, extras, links = "", [], []
    for table in tables:
        for index in _indexes(table, variables):
            if index.get("default"):
                default = default or index["url"]
            elif not index.get("explicit"):
                extras.append(index["url"])
        default = default or str(table.get("index-url", ""))
        extras += _texts(table.get("extra-index-url"))
        links += _texts(table.get("find-links"))
    named = [_with_login(*_named(text), variables) for text in variables.get("UV_INDEX", "").split()]
    more = variables.get("UV_EXTRA_INDEX_URL", "").split()
    chosen = _with_login(*_named(variables.get("UV_DEFAULT_INDEX", "")), variables) or variables.get("UV_INDEX_URL", "")
    joined: dict[str, Any] = {}
    for table in reversed(tables):
        joined |= table
    hosts = variables.get("UV_INSECURE_HOST", "").split() or _texts(joined.get("allow-insecure-host"))
    keyring = variables.get("UV_KEYRING_PROVIDER") or str(joined.get("keyring-provider", ""))
    return Settings(
        last_index=chosen or default,
        extras=(*named, *more, *extras),
        find_links=(*filter(None, variables.get("UV_FIND_LINKS", "").split(",")), *links),
        no_index=joined.get("no-index") is True or variables.get("UV_NO_INDEX", "") not in {"", "0", "false"},
        keyring=keyring == "subprocess",
        certificates=variables.get("SSL_CERT_FILE", ""),
        client_certificate=variables.get("SSL_CLIENT_CERT", ""),
        trusted_hosts=tuple(hosts),
        rest={key: value for key, value in joined.items() if key not in _ASKING | _OF_PROJECTS},
    )


def _tables(variables: Mapping[str, str], folder: Path) -> list[dict[str, Any]]:
    """Return the tables that count, the nearest first; the keys of ``[pip]`` are their own before the others."""
    if variables.get("UV_NO_CONFIG", "") not in {"", "0", "false"}:
        return []
    named = variables.get("UV_CONFIG_FILE")
    if named:
        return [_read(Path(named))]
    files = [_project_file(folder), *_machine_files(variables)]
    return [_read(file) for file in files if file is not None and file.is_file()]


def _project_file(folder: Path) -> Path | None:
    for place in (folder, *folder.parents):
        if (place / "uv.toml").is_file():
            return place / "uv.toml"
        project = place / "pyproject.toml"
        if project.is_file() and "uv" in _toml(project).get("tool", {}):
            return project
    return None


def _machine_files(variables: Mapping[str, str]) -> list[Path]:
    home = variables.get("XDG_CONFIG_HOME") or f"{variables.get('HOME', '')}/.config"
    folders = [home, *(variables.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"), "/etc"]
    files = [Path(each, "uv", "uv.toml") for each in folders]
    system = next((each for each in files[1:] if each.is_file()), None)
    return [files[0], *([system] if system else [])]


def _read(file: Path) -> dict[str, Any]:
    data = _toml(file)
    table = data.get("tool", {}).get("uv", {}) if file.name == "pyproject.toml" else data
    inner = table.get("pip")
    return {**table, **{key: inner[key] for key in inner if key in _ASKING}} if isinstance(inner, dict) else table


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ManagerError(
            f"{file}, which uv reads for its indexes, cannot be read: {as_sentence(error)}", "Mend the file."
        ) from None


def _indexes(table: Mapping[str, Any], variables: Mapping[str, str]) -> list[dict[str, Any]]:
    entries = table.get("index")
    found = [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
    return [
        {**each, "url": _with_login(str(each.get("name", "")), each["url"], variables)}
        for each in found
        if isinstance(each.get("url"), str)
    ]


def _named(text: str) -> tuple[str, str]:
    """Return name and address of ``name=address``; the name may be missing."""
    name, equals, address = text.partition("=")
    return (name, address) if equals and "/" not in name else ("", text)


def _with_login(name: str, address: str, variables: Mapping[str, str]) -> str:
    """Return the address of a named index with the user and password that variables give for its name."""
    from urllib.parse import quote  # noqa: PLC0415  few indexes have a name

    key = re.sub(r"[^A-Za-z0-9]", "_", name).upper()
    user, password = (quote(variables.get(f"UV_INDEX_{key}_{part}", ""), safe="") for part in ("USERNAME", "PASSWORD"))
    scheme, middle, rest = address.partition("://")
    if not name or not middle or not (user or password) or "@" in rest.partition("/")[0]:
        return address
    return f"{scheme}://{user}:{password}@{rest}"


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
