"""Where a process takes its plugins from, as a value that can be handed to another process."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from penstock.plugins.host import PluginHost
from penstock.plugins.project_modules import distribution_of, id_of_module, read_modules
from penstock_manifest.discovery import ProviderEntryPoint, find_providers
from penstock_manifest.providers import Provider


class PluginSources(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a host of plugins is made from.

    Attributes:
        disabled: Ids of providers and modules that must not be used; ``*`` stands for all.
        modules: Modules of the project that answer plug-in specs.
        folder: The project's folder, in which they lie.
        timeout_s: Seconds that importing and asking one of them may take.
        memory_mb: Megabytes of memory that it may take.
        cache: Folder for the cache of discovery; "" for none.
    """

    disabled: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    folder: str = ""
    timeout_s: float = 30.0
    memory_mb: int = 1024
    cache: str = ""

    def entry_points(self) -> list[ProviderEntryPoint]:
        """Find the providers of this environment."""
        return find_providers(cache=self.cache or None)

    def host(self, found: Iterable[ProviderEntryPoint] | None = None) -> PluginHost:
        """Make the host.

        Args:
            found: The providers; those of this environment unless given.
        """
        entries = self.entry_points() if found is None else found
        folder = Path(self.folder)
        described = read_modules(self._on(), folder, timeout_s=self.timeout_s, memory_mb=self.memory_mb)
        return PluginHost(entries, self.disabled, modules=[*self._off(), *described], folder=self.folder)

    def _on(self) -> list[str]:
        return [each for each in self.modules if not {id_of_module(each), "*"} & {*self.disabled}]

    def _off(self) -> list[Provider]:
        """Return the disabled modules, which are not imported even to describe them."""
        return [
            Provider(id_of_module(each), distribution_of(each), None) for each in self.modules if each not in self._on()
        ]
