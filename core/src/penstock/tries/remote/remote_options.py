"""Reads the options of a remote executor: those that every one has, and those of its own."""

from collections.abc import Collection, Mapping
from typing import Any, TypeGuard

import msgspec

from penstock.decoders import convert
from penstock.errors import ConfigError
from penstock.model.connection import Connection
from penstock.model.values.wrong_value import wrong_value
from penstock.spec.remote import RemoteExecutor, RemoteOptions

COMMON = frozenset(RemoteOptions.__struct_fields__)
"""Names of the options that every remote executor has."""
_LEAST_S = 1.0


def is_remote(make: object) -> TypeGuard[type[RemoteExecutor]]:
    """Whether what makes an executor is the class of one that only carries tickets."""
    return isinstance(make, type) and issubclass(make, RemoteExecutor)


def without_common(options: Mapping[str, Any], declared: Collection[str]) -> dict[str, Any]:
    """The options of an executor that its provider has to know: all but those of every remote one that it does not declare."""
    return {key: value for key, value in options.items() if key in declared or key not in COMMON}


def read_remote_options(name: str, options: Mapping[str, Any]) -> tuple[RemoteOptions, dict[str, Any]]:
    """Read the table of a remote executor in the settings.

    Args:
        name: Of the executor.
        options: Its table.

    Returns:
        What holds for every remote executor, and the rest.

    Raises:
        ConfigError: One of the first is wrong.
    """
    try:
        common = convert({key: value for key, value in options.items() if key in COMMON}, RemoteOptions)
    except msgspec.ValidationError as error:
        raise ConfigError(f"[executors.{name}]: {wrong_value(error, RemoteOptions)}") from None
    if common.doorbell_s < _LEAST_S or common.worker_lease_s < _LEAST_S or common.slots < 0 or common.ahead < 0:
        raise ConfigError(
            f"[executors.{name}]: doorbell_s and worker_lease_s are {_LEAST_S:g} s or more, slots and ahead 0 or more."
        )
    return common, {key: value for key, value in options.items() if key not in COMMON}


def check_connection(name: str, make: type[RemoteExecutor], connection: Connection) -> Connection:
    """The connection, if a remote executor can use it.

    Args:
        name: Of the executor in the settings.
        make: Its class.
        connection: What its ``conn_id`` names.

    Raises:
        ConfigError: It takes none, or none of this type.
    """
    if connection.conn_type not in make.connection_types:
        wanted = " or ".join(make.connection_types)
        raise ConfigError(
            f"[executors.{name}]: connection {connection.conn_id!r} is of type {connection.conn_type!r}, and {wanted} is needed."
            if wanted
            else f"[executors.{name}]: this executor takes no connection; leave out conn_id."
        )
    return connection
