"""Credentials that are looked up when a server asks for them: netrc, uv's own store, and the program ``keyring``.

The order is uv's (https://docs.astral.sh/uv/concepts/authentication/http/); what came with an address is before all of them.
"""

from __future__ import annotations

import json
import netrc
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from penstock_plugin_manager.index.network import Login, Network

_SECONDS = 60


def look_up(url: str, network: Network, username: str = "") -> Login | None:
    """Return credentials for a URL, or None where nobody knows any.

    Args:
        url: What is asked for.
        network: Where to look.
        username: Whose password is wanted; "" for anybody's.
    """
    found = _in_netrc(url, network.variables) or _in_uv_store(url, network.variables)
    if found is None or (username and found.username != username):
        found = _in_keyring(url, username, network.services) if network.keyring else None
    return found


def _in_netrc(url: str, variables: Mapping[str, str]) -> Login | None:
    host = urlsplit(url).hostname or ""
    home = variables.get("HOME", "")
    named = variables.get("NETRC")
    for file in [Path(named)] if named else [Path(home, ".netrc"), Path(home, "_netrc")]:
        try:
            entry = netrc.netrc(str(file)).authenticators(host)
        except (OSError, UnicodeDecodeError, netrc.NetrcParseError):
            continue
        if entry:
            return Login(url, entry[0] or "", entry[2] or "")
    return None


def _in_uv_store(url: str, variables: Mapping[str, str]) -> Login | None:
    home = variables.get("XDG_DATA_HOME") or f"{variables.get('HOME', '')}/.local/share"
    folder = variables.get("UV_CREDENTIALS_DIR") or f"{home}/uv/credentials"
    try:
        entries = tomllib.loads(Path(folder, "credentials.toml").read_text(encoding="utf-8"))["credential"]
        near = [each for each in entries if _is_below(url, each["service"])]
        best = max(near, key=lambda each: len(each["service"]), default=None)
        return Login(url, best.get("username", "__token__"), best.get("password") or best["token"]) if best else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _is_below(url: str, service: str) -> bool:
    one, other = urlsplit(url), urlsplit(service)
    return (one.scheme, one.netloc) == (other.scheme, other.netloc) and one.path.startswith(other.path)


def _in_keyring(url: str, username: str, services: tuple[str, ...]) -> Login | None:
    """Ask for the index that a URL belongs to, then for its host, as uv and pip do."""
    host = urlsplit(url).netloc
    for service in (*(each for each in services if urlsplit(each).netloc == host), host):
        if username:
            answer = _keyring("get", service, username)
            if answer:
                return Login(url, username, answer.rstrip("\n"))
            continue
        answer = _keyring("--mode=creds", "--output=json", "get", service)
        try:
            entry = json.loads(answer)
            return Login(url, entry["username"], entry["password"])
        except (ValueError, KeyError, TypeError):
            continue
    return None


def _keyring(*words: str) -> str:
    try:
        done = subprocess.run(
            ["keyring", *words], check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
