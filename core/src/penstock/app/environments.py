"""Providers as this machine has them: those beside the core, and those isolated in environments of their own."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec

from penstock.errors import ConfigError
from penstock.model.connection import Connection
from penstock.plugins.discovery import Found, find_providers
from penstock.plugins.host import PluginHost
from penstock.settings import Settings


def isolated_pythons(settings: Settings) -> dict[str, str]:
    """Python executable of each provider that lives in an environment of its own, by provider id.

    ``plugin-manager isolate`` writes the file; its form is in ``docs/reference/isolated-providers.md``.
    """
    path = settings.isolated_file
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"{path}: {error}. Run `plugin-manager doctor --fix`.") from None


def plugin_host(settings: Settings) -> PluginHost:
    """All providers whose manifests tasks may name: an isolated one is looked up in its own environment alone."""
    isolated = isolated_pythons(settings)
    found = [each for each in find_providers() if each.id not in isolated]
    found += [each for id_, python in isolated.items() for each in _announced(id_, python)]
    return PluginHost(found, settings.disabled_providers)


def listening(settings: Settings) -> list[str]:
    """Ids of the active providers that name a plugin module, and so want to hear of changes."""
    found = plugin_host(settings).providers()
    return [provider.id for provider in found if provider.manifest is not None and provider.manifest.plugin]


def secrets_of(settings: Settings) -> Callable[[Connection], tuple[str, ...]]:
    """What finds a connection's secrets by its provider's field list; providers are looked for at its first call."""
    host = cache(lambda: plugin_host(settings))
    return lambda connection: host().secrets(connection)


def _announced(provider_id: str, python: str) -> list[Found]:
    prefix = Path(python).parent.parent
    sites = [str(site) for site in sorted(prefix.glob("lib/python*/site-packages"))]
    return [each for each in find_providers(sites) if each.id == provider_id]
