"""Reads the options of a remote executor: those that every one has, and those of its own."""

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeGuard
from urllib.parse import urlsplit

import msgspec

from penstock.decoders import convert
from penstock.errors import ConfigError
from penstock.model.connection import Connection
from penstock.model.values.wrong_value import wrong_value
from penstock.spec.remote import RemoteExecutor, RemoteOptions

COMMON = frozenset(RemoteOptions.__struct_fields__)
"""Names of the options that every remote executor has."""
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "doorbell_s": (1.0, 86_400.0), "worker_lease_s": (1.0, 86_400.0), "slots": (0, 1_000_000), "ahead": (0.0, 1_000.0),
}  # fmt: skip


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
    own = {key: value for key, value in options.items() if key not in COMMON}
    problems = [
        f"{option} must be from {least:.0f} to {most:.0f}"
        for option, (least, most) in _BOUNDS.items()
        if not least <= getattr(common, option) <= most  # nan is not
    ]
    if common.server and not _is_url(common.server):
        problems.append(f"server must be a URL that begins with https:// or http://, and is {common.server!r:.200}")
    problems += [f"{key} has a number that is not finite" for key, value in own.items() if not _is_finite(value)]
    problems += [
        f"{key} has a text of only white space: write it, or leave it out"
        for option, value in options.items()
        for key, part in _parts(option, value)
        if _has_blank(part)
    ]
    if problems:
        raise ConfigError(f"[executors.{name}]: {'; '.join(problems)}.")
    return common, own


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_finite(value: object) -> bool:
    """Whether all numbers in the value of an option can be compared: TOML has nan and inf besides."""
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _parts(option: str, value: object) -> Iterator[tuple[str, object]]:
    """An option by its name, or what its table holds by theirs; tables within are the engine's own, which may mean white space."""
    if isinstance(value, Mapping):
        yield from ((f"{option}.{key}", part) for key, part in value.items())
    else:
        yield option, value


def _has_blank(value: object) -> bool:
    """Whether an option holds a text that looks like none; an empty one is that of who leaves it out."""
    if isinstance(value, list):
        return any(map(_has_blank, value))
    return isinstance(value, str) and bool(value) and not value.strip()


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
