"""The plugin objects: manifests that answer the specs, and modules that react to changes."""

import inspect
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pluggy

from penstock.errors import PluginError, did_you_mean
from penstock.model.names import error_sentence
from penstock.plugins.fence import import_object
from penstock.spec.plugin import SpecDeprecationWarning, hookimpl, specs_manager
from penstock_manifest.kinds import ARRAYS, CONNECTIONS, Kind
from penstock_manifest.providers import Provider
from penstock_manifest.specs import REACTING

_log = logging.getLogger(__name__)


class ManifestPlugin:
    """A provider's manifest as a plugin: its impls, one for each kind, answer from data.

    Args:
        provider: Reads the provider; called when the manifest is first needed.
        may_mention: Tells whether the manifest can hold a text, without parsing it.
    """

    def __init__(self, provider: Callable[[], Provider], may_mention: Callable[[str], bool]) -> None:
        self._provider, self._may_mention = provider, may_mention

    def answer(self, kind: Kind, mention: str) -> Sequence[Any]:
        """Return the provider's entries of a kind; nothing if it is broken."""
        manifest = self._provider().manifest if self._may_mention(mention) else None
        if manifest is None:
            return ()
        if kind.name == CONNECTIONS.name:
            return manifest.connections
        return [each for each in manifest.capabilities if each.kind == kind.name]


def _impl(kind: Kind) -> Callable[..., Any]:
    def impl(self: ManifestPlugin, mention: str) -> Sequence[Any]:
        return self.answer(kind, mention)

    impl.__name__ = kind.spec
    return hookimpl(impl)


for _kind in ARRAYS.values():
    setattr(ManifestPlugin, _kind.spec, _impl(_kind))


class PluginModules:
    """Plugin modules, loaded in this process, that react to changes.

    Args:
        modules: Module by id of its provider.
        of_project: Whether they are modules of the project, which may answer specs, too.

    Attributes:
        problems: By provider id, why its module was not loaded.
        failures: By provider id, how often an impl of it raised.
    """

    def __init__(self, modules: Mapping[str, str], *, of_project: bool = False) -> None:
        self.problems: dict[str, str] = {}
        self.failures: dict[str, int] = {}
        self._managers: dict[str, pluggy.PluginManager] = {}
        for provider_id, module in sorted(modules.items()):
            try:
                self._managers[provider_id] = _load(provider_id, module, of_project=of_project)
            except PluginError as error:
                self.problems[provider_id] = str(error)
                _log.error("%s", error)

    def emit(self, spec: str, **arguments: Any) -> dict[str, str]:  # noqa: ANN401 - the arguments of the spec
        """Call every impl of a reacting spec, provider by provider; what one raises is logged and counted.

        Returns:
            By provider id, what went wrong this time, as a sentence.
        """
        wrong: dict[str, str] = {}
        for provider_id, manager in self._managers.items():
            try:
                getattr(manager.hook, spec)(**arguments)
            except BaseException as error:  # noqa: BLE001 - the fence: a listener harms only itself
                self.failures[provider_id] = self.failures.get(provider_id, 0) + 1
                wrong[provider_id] = f"{spec} raised {error_sentence(error)}"
                _log.exception("the provider %r failed in %s", provider_id, spec)
        return wrong


def _load(provider_id: str, module: str, *, of_project: bool) -> pluggy.PluginManager:
    """Make a manager of its own for one module, so that an impl that raises stops no other provider's."""
    manager, impls, deprecated = register_module(provider_id, module, "loading listeners", of_project=of_project)
    answering = [name for name in impls if name not in REACTING]
    if (answering and not of_project) or not impls:
        reason = f"implements {', '.join(answering)}, which manifests answer" if answering else "implements no spec"
        raise PluginError(
            f"the plugin module {module!r} of the provider {provider_id!r} {reason}; "
            f"it may implement {', '.join(REACTING)}, marked with penstock.spec.plugin.hookimpl"
        )
    for sentence in deprecated:
        _log.warning("the provider %r: %s", provider_id, sentence)
    return manager


class ModuleImpls(NamedTuple):
    """A module that is registered with a manager of its own.

    Attributes:
        impls: Names of the specs that it implements.
        deprecated: What it uses and will be gone, a sentence each.
    """

    manager: pluggy.PluginManager
    impls: list[str]
    deprecated: tuple[str, ...]


def register_module(provider_id: str, module: str, needed_for: str, *, of_project: bool = False) -> ModuleImpls:
    """Import a plugin module and register it with a manager of its own.

    Args:
        provider_id: Whose module it is, for messages.
        module: What to import.
        needed_for: What it is imported for, for messages.
        of_project: Whether it is a module of the project, for messages.

    Raises:
        penstock.errors.PluginError: It cannot be imported, or an impl of it fits no spec.
    """
    target = import_object(provider_id, module, needed_for, of_project=of_project)
    manager = specs_manager()
    problem = _impl_problem(target, manager)
    if problem:
        raise PluginError(f"the plugin module {module!r} of the provider {provider_id!r} {problem}")
    try:
        with warnings.catch_warnings(record=True) as raised:
            warnings.simplefilter("always", SpecDeprecationWarning)
            manager.register(target, name=provider_id)
            manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(
            f"the plugin module {module!r} of the provider {provider_id!r} is refused: {error}"
        ) from error
    deprecated = tuple(str(each.message) for each in raised if each.category is SpecDeprecationWarning)
    return ModuleImpls(manager, [caller.name for caller in manager.get_hookcallers(target) or ()], deprecated)


def _impl_problem(module: object, manager: pluggy.PluginManager) -> str:
    """Say which impl of a module fits no spec, and why; "" if all do."""
    for function in dir(module):
        marks = manager.parse_hookimpl_opts(module, function)
        if marks is None:
            continue
        name = marks["specname"] or function
        caller = getattr(manager.hook, name, None)
        if caller is None or caller.spec is None:
            known = [each for each in dir(manager.hook) if not each.startswith("_")]
            return f"implements {name!r}, which is no spec. {did_you_mean(name, known)}".rstrip()
        unknown = [
            each for each in inspect.signature(getattr(module, function)).parameters if each not in caller.spec.argnames
        ]
        if unknown:
            takes = ", ".join(caller.spec.argnames)
            return f"implements {name!r} with the argument {unknown[0]!r}; the spec has {takes}"
    return ""
