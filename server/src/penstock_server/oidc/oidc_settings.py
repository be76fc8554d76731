"""What ``[services.server.oidc]`` says of the identity provider."""

import importlib.util
import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from penstock.errors import ConfigError
from penstock.model.values.wrong_value import wrong_value

_NEEDED = ("authlib", "httpx2", "joserfc")


class OidcSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[services.server.oidc]``: an identity provider by which users sign in.

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


def read_oidc(options: Mapping[str, Any] | None) -> OidcSettings | None:
    """Read the table; None if there is none.

    Args:
        options: What is written in it.

    Raises:
        ConfigError: What is wrong with it, or what it needs is not installed.
    """
    if not options:
        return None
    try:
        found = msgspec.convert(dict(options), OidcSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"[services.server.oidc]: {wrong_value(error, OidcSettings)}") from None
    if not is_secure(found.issuer) or urlsplit(found.issuer).query or urlsplit(found.issuer).fragment:
        raise ConfigError(
            f"[services.server.oidc]: issuer = {found.issuer!r} is no https:// URL of an identity provider."
        )
    if "openid" not in found.scopes or not all(
        each.isascii() and each.isprintable() and " " not in each for each in found.scopes
    ):
        raise ConfigError(
            f'[services.server.oidc]: scopes = {list(found.scopes)} are words, and "openid" is one of them.'
        )
    missing = [each for each in _NEEDED if not _is_installed(each)]
    if missing:
        raise ConfigError(
            f"[services.server.oidc] needs {', '.join(missing)}, which the extra oidc of penstock-server brings. "
            'Install it: plugin-manager install "penstock-server[oidc]"'
        )
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
