"""What ``[services.server]`` says: where the server listens, how it is reached, and by whom users are known."""

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.errors import ConfigError, as_sentence
from penstock.service.choices.services import chosen_services
from penstock.service.installation import Installation
from penstock_server.http.address import Address, check

SERVICE = "server.server"
"""Capability id of the server."""


def read_address(options: Mapping[str, Any]) -> Address:
    """Read and check where the server listens.

    Args:
        options: Those of its table, by name.

    Raises:
        ConfigError: What is wrong with them.
    """
    own = {name: value for name, value in options.items() if name != "oidc"}
    try:
        found = msgspec.convert(own, Address)
    except msgspec.ValidationError as error:
        raise ConfigError(f"The server cannot listen: {as_sentence(error, inside=True)}") from None
    check(found)
    return found


def options_of(installation: Installation) -> dict[str, Any]:
    """The options of the server in the settings of an installation, none if they do not name it; raises ConfigError."""
    services = chosen_services(installation.settings, installation.host).values()
    return dict(next((each.options for each in services if each.type == SERVICE), {}))


def url_of(installation: Installation, url: str = "") -> str:
    """Where people reach the server: what is given, or what the settings say; raises ConfigError."""
    return url.rstrip("/") or read_address(options_of(installation)).known_url
