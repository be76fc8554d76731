"""What ``[services.server.oidc.ID]`` says of an identity provider: there may be several."""

import importlib.util
import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from penstock.decoders import convert
from penstock.errors import ConfigError
from penstock.model.values.wrong_value import wrong_value

_NEEDED = ("authlib", "httpx2", "joserfc")
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_TABLE = "[services.server.oidc"


class OidcSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[services.server.oidc.ID]``: an identity provider by which users sign in.

    Attributes:
        issuer: Its URL, below which ``/.well-known/openid-configuration`` is.
        client_id: What it knows this server by.
        conn_id: Connection whose password is the secret that goes with it; "" for a client without one.
        name: What people call it; the page where one signs in has ``Sign in with NAME``.
        scopes: What is asked for; ``openid`` is one of them.
        user_claim: The claim that names a new user.
        groups_claim: The claim with the groups of a user.
        teams: Names of teams by groups: whoever is in one of a team's groups is its member, and nobody else who signs in so.
        create_users: Whether somebody who is not known yet becomes a user, who may nothing but by teams.
        session_hours: Hours after which one signs in anew.
        log_out_there: Whether who logs out here is sent to log out there, too, if the provider has a page for that.
    """

    issuer: str
    client_id: str
    conn_id: str = ""
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] = "your organisation"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    user_claim: str = "preferred_username"
    groups_claim: str = "groups"
    teams: dict[str, str] = {}
    create_users: bool = True
    session_hours: Annotated[float, msgspec.Meta(gt=0, le=168)] = 12.0
    log_out_there: bool = True


def read_oidc(options: Mapping[str, Any] | None) -> dict[str, OidcSettings]:
    """Read the tables of the identity providers, by their ids; none if there are none.

    Args:
        options: What is written in them.

    Raises:
        ConfigError: What is wrong with one, or what they need is not installed.
    """
    found = {name: _read(name, table) for name, table in (options or {}).items()}
    for name, settings in found.items():
        same = [other for other in found if other < name and found[other].issuer == settings.issuer]
        if same:
            raise ConfigError(f"{_TABLE}.{name}] has the issuer of {_TABLE}.{same[0]}]: users would be those of both.")
    missing = [each for each in _NEEDED if found and not _is_installed(each)]
    if missing:
        raise ConfigError(
            f"{_TABLE}] needs {', '.join(missing)}, which the extra oidc of penstock-server brings. "
            'Install it: plugin-manager install "penstock-server[oidc]"'
        )
    return found


def _read(name: str, table: object) -> OidcSettings:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{_TABLE}]: {name} is no table. Each identity provider has one, such as {_TABLE}.company].")
    if not _ID.fullmatch(name):
        raise ConfigError(f"{_TABLE}.{name}]: an id has 1 to 40 small letters, digits, - and _.")
    try:
        found = convert(dict(table), OidcSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{_TABLE}.{name}]: {wrong_value(error, OidcSettings)}") from None
    if not is_secure(found.issuer) or urlsplit(found.issuer).query or urlsplit(found.issuer).fragment:
        raise ConfigError(f"{_TABLE}.{name}]: issuer = {found.issuer!r} is no https:// URL of an identity provider.")
    words = all(each.isascii() and each.isprintable() and " " not in each for each in found.scopes)
    if "openid" not in found.scopes or not words:
        raise ConfigError(f'{_TABLE}.{name}]: scopes = {list(found.scopes)} are words, and "openid" is one of them.')
    return found


def is_secure(url: str) -> bool:
    """Whether nobody on the way reads or changes what is sent to a URL: by TLS, or on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return url.isprintable() and bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_here(host)))


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # it is marked as absent
        return False
