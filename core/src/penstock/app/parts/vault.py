"""Makes the vault of an installation: its sources in the order of the settings."""

import sys
import time
from collections.abc import Callable

import msgspec

from penstock.app.parts.environments import plugin_sources, secrets_of
from penstock.errors import StoreUnavailableError
from penstock.plugins.isolated import isolated_pythons
from penstock.settings import Settings
from penstock.spec.wire import Ask, Reply
from penstock.store import Store
from penstock.tries.asks import answered, provider_search, refusal
from penstock.tries.vault import Vault, finished
from penstock.tries.vault_sources import DATABASE, ENVIRONMENT, EnvironmentSource, StoreSource, VaultSource

LOGS = "secrets"
"""Folder of the logs of secrets backends, in that of all logs."""


def open_vault(settings: Settings, store: Store | None) -> Vault:
    """Connections and Variables of an installation; its database is among the sources if there is one."""
    environment = EnvironmentSource(settings.connections, settings.variables)
    sources: list[VaultSource] = []
    for name in settings.secrets_order:
        if name == ENVIRONMENT:
            sources.append(environment)
        elif name == DATABASE:
            sources += [StoreSource(store)] if store is not None else []
        else:
            sources.append(_backend(settings, name, answer(Vault([environment]), "a secrets backend")))
    return Vault(sources, secrets_of(settings))


def answer(vault: Vault, who: str) -> Callable[[Ask], Reply]:
    """What answers a provider's code that asks for a connection or a Variable, as a task would be answered.

    Args:
        vault: Holds them.
        who: What asks, for the refusal of anything else.
    """

    def reply(ask: Ask) -> Reply:
        try:
            found = answered(provider_search, vault, who, ask)
            return found if isinstance(found, Reply) else answered(finished, found)
        except StoreUnavailableError as error:
            return refusal(error)

    return reply


def _backend(settings: Settings, name: str, reply: Callable[[Ask], Reply]) -> VaultSource:
    from penstock.tries.backend_line import BackendConfig, BackendLine, BackendPorts  # noqa: PLC0415 - few have one
    from penstock.tries.backend_source import BackendSource, secrets_of_answer  # noqa: PLC0415 - as above

    chosen = settings.secrets_backends[name]
    isolated = isolated_pythons(settings.isolated_file).get(chosen.type.partition(".")[0])
    plugins = msgspec.json.encode(plugin_sources(settings, isolated=isolated is not None)).decode()
    command = [isolated or sys.executable, "-P", "-m", "penstock.app.secrets_backend"]
    line = BackendLine(
        command,
        BackendConfig(name, chosen.type, chosen.options, plugins),
        chosen.timeout_s,
        settings.logs_folder / LOGS / f"{name}.log",
        BackendPorts(time.monotonic, reply, lambda ask, value: tuple(secrets_of_answer(ask, value))),
    )
    return BackendSource(name, line, chosen.cache_s, time.monotonic)
