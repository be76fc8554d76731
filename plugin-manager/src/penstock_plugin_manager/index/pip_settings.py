"""What pip is told on this machine: its variables and ``pip.conf``.

Names, places and order follow https://pip.pypa.io/en/stable/topics/configuration/.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.index.settings import Settings


def pip_settings(variables: Mapping[str, str]) -> Settings:
    """Return what pip's variables and files say.

    Raises:
        ManagerError: a file cannot be read.
    """
    values = _values(variables)

    def get(name: str) -> str:
        return variables.get(f"PIP_{name.upper().replace('-', '_')}") or values.get(name, "")

    return Settings(
        last_index=get("index-url").strip(),
        extras=tuple(get("extra-index-url").split()),
        find_links=tuple(get("find-links").split()),
        no_index=get("no-index").lower() in {"1", "true", "yes", "on"},
        keyring=get("keyring-provider") in {"subprocess", "import"},
        certificates=get("cert"),
        client_certificate=get("client-cert"),
        trusted_hosts=tuple(get("trusted-host").split()),
        proxy=get("proxy"),
    )


def _values(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the files' values by key: the later file wins, and ``[install]`` before ``[global]``."""
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}}
    for file in _files(variables):
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(file.read_text(encoding="utf-8-sig"), str(file))
        except (OSError, UnicodeDecodeError, configparser.Error) as error:
            first = str(error).partition("\n")[0]
            raise ManagerError(
                f"{file}, which pip reads for its indexes, cannot be read: {first}", "Mend the file."
            ) from None
        for section, found in sections.items():
            if parser.has_section(section):
                found.update({key.replace("_", "-"): text for key, text in parser.items(section) if text})
    return {**sections["global"], **sections["install"]}


def _files(variables: Mapping[str, str]) -> list[Path]:
    named = variables.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    home = variables.get("HOME", "")
    system = [*(variables.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"), "/etc"]
    files = [Path(each, "pip", "pip.conf") for each in system[:-1]] + [Path("/etc/pip.conf")]
    if not (named and Path(named).exists()):
        config = variables.get("XDG_CONFIG_HOME") or f"{home}/.config"
        files += [Path(home, ".pip", "pip.conf"), Path(config, "pip", "pip.conf")]
    files += [Path(sys.prefix, "pip.conf"), *([Path(named)] if named else [])]
    return [file for file in files if file.is_file()]
