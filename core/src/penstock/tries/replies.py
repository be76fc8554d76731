"""Replies with connections and Variables, as tasks and plugin modules of providers are given them."""

from collections.abc import Callable

import msgspec

from penstock.errors import PenstockError
from penstock.execute.wire import Reply
from penstock.tries.vault import Vault


def connection_reply(vault: Vault, conn_id: str) -> Reply:
    """A connection with word of its secrets; raises NotFoundError, ConfigError or StoreError."""
    found = vault.connection(conn_id)
    return Reply(msgspec.to_builtins(found.value), secrets=found.secrets)


def variable_reply(vault: Vault, key: str) -> Reply:
    """A Variable with word of its secrets, None if there is none; raises ConfigError or StoreError."""
    found = vault.variable(key)
    return Reply(found.value, secrets=found.secrets)


def answered(method: Callable[..., Reply], *arguments: object) -> Reply:
    """What a method replies; the error that it raised if the question cannot be answered."""
    try:
        return method(*arguments)
    except PenstockError as error:
        return Reply(error=str(error), error_type=type(error).__name__)
