"""Providers as this machine has them: those beside the core, and those isolated in environments of their own."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from penstock.model.connection import Connection
from penstock.plugins.host import PluginHost
from penstock.plugins.isolated import isolated_pythons
from penstock.plugins.sources import PluginSources
from penstock.settings import Settings
from penstock_manifest.discovery import ProviderEntryPoint, find_providers
from penstock_manifest.environments import environment_path


def plugin_host(settings: Settings) -> PluginHost:
    """All providers whose manifests tasks may name: an isolated one is looked up in its own environment alone."""
    isolated, sources = isolated_pythons(settings.isolated_file), plugin_sources(settings)
    found = [each for each in sources.entry_points() if each.id not in isolated]
    found += [each for id_, python in isolated.items() for each in _announced(id_, python, sources.cache)]
    return sources.host(found)


def plugin_sources(settings: Settings, *, isolated: bool = False) -> PluginSources:
    """Say where the processes of an environment take their plugins from.

    Args:
        settings: The installation.
        isolated: Whether the environment is that of an isolated provider, which has none of the project's own modules.
    """
    cache = settings.state_folder / "cache"
    return PluginSources(
        disabled=settings.disabled_providers,
        modules=() if isolated else settings.plugins.modules,
        folder=str(settings.root.absolute()),
        timeout_s=settings.loader.timeout_s,
        memory_mb=settings.loader.memory_mb,
        cache=str(cache.absolute()) if settings.state_folder.is_dir() else "",
    )


def listening(settings: Settings) -> dict[str, str]:
    """Find the plugin module of each active provider and module of the project that reacts to changes, by provider id."""
    found = plugin_host(settings).providers()
    return {each.id: each.manifest.plugin for each in found if each.manifest is not None and each.manifest.plugin}


def secrets_of(settings: Settings) -> Callable[[Connection], tuple[str, ...]]:
    """What finds a connection's secrets by its provider's field list; providers are looked for at its first call."""
    host = cache(lambda: plugin_host(settings))
    return lambda connection: host().secrets(connection)


def _announced(provider_id: str, python: str, cache: str) -> list[ProviderEntryPoint]:
    where = environment_path(str(Path(python).parent.parent), {})
    return [each for each in find_providers(where, cache=cache or None) if each.id == provider_id]
