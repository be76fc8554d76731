"""The pluggy side of the house: manifests answer the specs, plugin modules react to changes."""

import logging
from collections.abc import Iterable
from typing import Any

import pluggy

from penstock.errors import PluginError
from penstock.plugins.fence import Provider, import_object
from penstock.spec.manifest import Capability, Command, ConnectionType, Manifest
from penstock.spec.plugin import PROJECT, REACTING, PenstockSpecs, hookimpl

_log = logging.getLogger(__name__)


class ManifestPlugin:
    """A provider's manifest as a pluggy plugin: its impls answer from data."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest

    def _of(self, kind: str) -> tuple[Capability, ...]:
        return tuple(each for each in self._manifest.capabilities if each.kind == kind)

    @hookimpl
    def penstock_hooks(self) -> tuple[Capability, ...]:
        """Its hooks."""
        return self._of("hooks")

    @hookimpl
    def penstock_operators(self) -> tuple[Capability, ...]:
        """Its operators."""
        return self._of("operators")

    @hookimpl
    def penstock_sensors(self) -> tuple[Capability, ...]:
        """Its sensors."""
        return self._of("sensors")

    @hookimpl
    def penstock_executors(self) -> tuple[Capability, ...]:
        """Its executors."""
        return self._of("executors")

    @hookimpl
    def penstock_object_stores(self) -> tuple[Capability, ...]:
        """Its object stores."""
        return self._of("object_stores")

    @hookimpl
    def penstock_secrets_backends(self) -> tuple[Capability, ...]:
        """Its secrets backends."""
        return self._of("secrets_backends")

    @hookimpl
    def penstock_log_stores(self) -> tuple[Capability, ...]:
        """Its log stores."""
        return self._of("log_stores")

    @hookimpl
    def penstock_notifiers(self) -> tuple[Capability, ...]:
        """Its notifiers."""
        return self._of("notifiers")

    @hookimpl
    def penstock_metrics_sinks(self) -> tuple[Capability, ...]:
        """Its metrics sinks."""
        return self._of("metrics_sinks")

    @hookimpl
    def penstock_timetables(self) -> tuple[Capability, ...]:
        """Its timetables."""
        return self._of("timetables")

    @hookimpl
    def penstock_connection_types(self) -> tuple[ConnectionType, ...]:
        """Its connection types."""
        return self._manifest.connections

    @hookimpl
    def penstock_commands(self) -> tuple[Command, ...]:
        """Its commands."""
        return self._manifest.commands


def manifest_manager(providers: Iterable[Provider]) -> pluggy.PluginManager:
    """A pluggy manager in which every active provider answers from its manifest, in the order of the ids.

    ``manager.hook.penstock_operators()`` gives a list of tuples, one a provider.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(PenstockSpecs)
    # pluggy calls the last registered first
    for provider in sorted(providers, key=lambda each: each.id, reverse=True):
        if provider.manifest is not None:
            manager.register(ManifestPlugin(provider.manifest), name=provider.id)
    return manager


class Listeners:
    """The plugin modules of providers, loaded in this process, to hear of changes.

    Attributes:
        problems: By provider id, why its module was not loaded.
        failures: By provider id, how often an impl of it raised.
    """

    def __init__(self, providers: Iterable[Provider]) -> None:
        self.problems: dict[str, str] = {}
        self.failures: dict[str, int] = {}
        self._managers: dict[str, pluggy.PluginManager] = {}
        for provider in sorted(providers, key=lambda each: each.id):
            if provider.manifest is not None and provider.manifest.plugin:
                try:
                    self._managers[provider.id] = _load(provider.id, provider.manifest.plugin)
                except PluginError as error:
                    self.problems[provider.id] = str(error)
                    _log.error("%s", error)

    def emit(self, spec: str, **arguments: Any) -> dict[str, str]:  # noqa: ANN401 - the arguments of the spec
        """Tell every impl of a reacting spec, provider by provider; what one raises is logged and counted.

        Returns:
            By provider id, what went wrong this time, as a sentence.
        """
        wrong: dict[str, str] = {}
        for provider_id, manager in self._managers.items():
            try:
                getattr(manager.hook, spec)(**arguments)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - the fence: a listener harms only itself
                self.failures[provider_id] = self.failures.get(provider_id, 0) + 1
                wrong[provider_id] = f"{spec} raised {type(error).__name__}: {error}"
                _log.exception("the provider %r failed in %s", provider_id, spec)
        return wrong


def _load(provider_id: str, module: str) -> pluggy.PluginManager:
    """A manager of its own for one module, so that an impl that raises stops no other provider's."""
    target = import_object(provider_id, module, "loading listeners")
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(PenstockSpecs)
    try:
        manager.register(target, name=provider_id)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(
            f"the plugin module {module!r} of the provider {provider_id!r} is refused: {error}"
        ) from error
    impls = [caller.name for caller in manager.get_hookcallers(target) or ()]
    answering = [name for name in impls if name not in REACTING]
    if answering or not impls:
        reason = f"implements {', '.join(answering)}, which manifests answer" if answering else "implements no spec"
        raise PluginError(
            f"the plugin module {module!r} of the provider {provider_id!r} {reason}; "
            f"it may implement {', '.join(REACTING)}, marked with penstock.spec.plugin.hookimpl"
        )
    return manager
