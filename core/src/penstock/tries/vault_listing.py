"""What all sources of the vault have, for people: where each thing comes from, what is not used, and which source fails."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Generic, NamedTuple, TypeVar

import msgspec

from penstock.errors import ConfigError
from penstock.model.connection import Connection
from penstock.model.secret import variable_secrets
from penstock.tries.vault import Vault, VaultValue
from penstock.tries.vault_sources import VaultSource, ask

Value = TypeVar("Value")
Thing = TypeVar("Thing")
Values = Callable[[VaultSource, Collection[str]], Mapping[str, VaultValue[Value]]]


class Listed(NamedTuple, Generic[Value]):
    """One thing that a source has.

    Attributes:
        name: Id of the connection, or key of the Variable.
        found: What it is; None if the source is remote, so that its names alone were asked for.
        source: Name of the source.
        shadowed: Whether an earlier source has it, too, so that this one is not used.
        withheld: Name of an earlier source that fails: nobody is given this one until that answers; "" if none does.
    """

    name: str
    found: VaultValue[Value] | None
    source: str
    shadowed: bool
    withheld: str


class Listing(msgspec.Struct, Generic[Thing], frozen=True):
    """What all sources have.

    Attributes:
        things: One source after the other.
        failures: What is wrong with sources that failed, a sentence each.
        silent: Names of the sources that cannot list what they have.
    """

    things: list[Thing]
    failures: list[str]
    silent: list[str]


def list_connections(vault: Vault) -> Listing[Listed[Connection]]:
    """List the connections of all sources; raises StoreError."""

    def values(source: VaultSource, names: Collection[str]) -> dict[str, VaultValue[Connection]]:
        found = {name: ask(source, "connection", name) for name in names}
        # One that is not there was deleted since the ids were read.
        return {
            name: VaultValue(each, vault.secrets(each), source.name) for name, each in found.items() if each is not None
        }

    return _listing(vault, "connection_ids", values)


def list_variables(vault: Vault) -> Listing[Listed[str]]:
    """List the Variables of all sources; raises StoreError."""

    def values(source: VaultSource, names: Collection[str]) -> dict[str, VaultValue[str]]:
        texts = ask(source, "variables", names)
        return {key: VaultValue(text, variable_secrets(key, text), source.name) for key, text in sorted(texts.items())}

    return _listing(vault, "variable_keys", values)


def _listing(vault: Vault, method: str, values: Values[Value]) -> Listing[Listed[Value]]:
    listing = Listing[Listed[Value]]([], [], [])
    before: list[Callable[[str], bool]] = []
    failing = ""
    for source in vault.sources:
        found: Mapping[str, VaultValue[Value] | None]
        try:
            names = ask(source, method)
            if names is None:
                listing.silent.append(source.name)
                continue
            found = dict.fromkeys(names) if source.remote else values(source, names)
        except ConfigError as error:
            listing.failures.append(str(error))
            failing = failing or source.name
            continue
        for name, value in sorted(found.items()):
            shadowed = any(has(name) for has in before)
            listing.things.append(Listed(name, value, source.name, shadowed, failing))
        before.append(found.__contains__ if source.remote else partial(_has, source, values))
    return listing


def _has(source: VaultSource, values: Values[Value], name: str) -> bool:
    # The environment's names are found in any case, so that its own list does not tell.
    return name in values(source, [name])
