"""What ``[services.server]`` says: where the server listens, how it is reached, how nice it is, and by whom users are known."""

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.decoders import convert
from penstock.errors import ConfigError, as_sentence
from penstock.model.values.wrong_value import wrong_value
from penstock.service.choices.problems import choice_problems
from penstock.service.choices.services import chosen_services
from penstock.service.installation import Installation
from penstock_server.http.reach.address import Address, check
from penstock_server.niceness import USUAL, check_niceness

SERVICE = "server.server"
"""Capability id of the server."""


def read_address(options: Mapping[str, Any]) -> Address:
    """Read and check where the server listens.

    Args:
        options: Those of its table, by name.

    Raises:
        ConfigError: What is wrong with them.
    """
    own = {name: value for name, value in options.items() if name not in ("oidc", "niceness")}
    try:
        found = convert(own, Address)
    except msgspec.ValidationError as error:
        raise ConfigError(f"The server cannot listen: {wrong_value(error, Address)}") from None
    check(found)
    return found


def read_niceness(options: Mapping[str, Any]) -> int:
    """Read and check how far the server stands back.

    Args:
        options: Those of its table, by name.

    Raises:
        ConfigError: It cannot be so.
    """
    try:
        found = convert(options.get("niceness", USUAL), int)
    except msgspec.ValidationError as error:
        raise ConfigError(f"The server cannot run: niceness: {wrong_value(error, int)}") from None
    check_niceness(found)
    return found


def options_of(installation: Installation) -> dict[str, Any]:
    """The options of the server in the settings of an installation, none if they do not name it.

    Raises:
        ConfigError: The settings are wrong, or the server takes no such options.
    """
    services = chosen_services(installation.settings, installation.host).values()
    options = dict(next((each.options for each in services if each.type == SERVICE), {}))
    if problems := choice_problems(installation.host, "services", SERVICE, options):
        raise ConfigError("The server cannot be so: " + " ".join(as_sentence(each) for each in problems))
    return options


def url_of(installation: Installation, url: str = "") -> str:
    """Where people reach the server: what is given, or what the settings say; raises ConfigError."""
    return url.rstrip("/") or read_address(options_of(installation)).known_url
