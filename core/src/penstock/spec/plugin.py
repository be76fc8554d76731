"""The pluggy specs of the core: what a provider or a module of the project can answer, and what it can react to.

**Answering specs** announce capabilities to the core, and nothing else does. There is one for each kind of the table
`penstock_manifest.kinds.ARRAYS`, such as ``penstock_operators``. For an installed provider its manifest answers: the core
registers one plugin object a provider, which answers from data, so that asking never imports a provider. They may be called in any
process, provider by provider in the order of their ids; each gives what it has, an empty tuple for nothing. An impl may leave out the
argument ``mention``: a text that the asker looks for, "" for everything; who has a faster way to it may answer with less.

**Reacting specs** are implemented by the module that a manifest names as ``plugin``, or by a module of the project. It is
loaded in a process of its own and nowhere else; that process, and the notifier which feeds it, exist only while some
active provider names such a module.
An impl is called after the change is durable, at least once, one change after the other in the order in which they
were decided: it must bear the same change again after a crash. Providers do not wait for each other, and
nothing waits for an impl: no task starts or ends later because one is slow. What an impl raises is logged under its
provider's name and counts as one failure; one that takes longer than ``[notifier] timeout_s`` is ended with its
process, which counts as one failure, too; the process may take ``memory_mb`` of ``[loader]``. The change is passed over in both
cases. A change at which the process ended three times is passed over as well. Every change of a state is delivered, however
many of them one transaction made durable.

An impl may ask for connections and Variables, as a task does, and so may the hooks that it uses; for nothing else.

An impl takes the arguments it needs, by name, and may leave out others::

    from penstock.spec.plugin import hookimpl

    @hookimpl
    def penstock_task_state_changed(change): ...

Specs are versioned apart from the core: a core serves the spec versions from `OLDEST_SPEC_VERSION` to `SPEC_VERSION`, and a
manifest's ``spec`` range must contain one of them. What is added counts `SPEC_VERSION` up and breaks nothing; what breaks an
impl is deprecated first, in the tables of `penstock_manifest.specs` and `penstock_manifest.kinds`, and gone when `OLDEST_SPEC_VERSION`
passes it. Of what is deprecated pluggy warns by `SpecDeprecationWarning` when a module is registered.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pluggy

from penstock.model.notice import RunStateChanged, TaskStateChanged
from penstock_manifest.format import Capability, ConnectionType, Field, Parameter
from penstock_manifest.kinds import ARRAYS, Kind
from penstock_manifest.specs import REACTING, Deprecation, uses

__all__ = [
    "OLDEST_SPEC_VERSION",
    "PROJECT",
    "SERVED_SPECS",
    "SPEC_VERSION",
    "Capability",
    "ConnectionType",
    "Field",
    "Parameter",
    "PenstockSpecs",
    "RunStateChanged",
    "SpecDeprecationWarning",
    "TaskStateChanged",
    "hookimpl",
    "hookspec",
    "specs_manager",
]

# The plugin manager reads these two lines as text, as it must not import the core.
SPEC_VERSION = 1
"""Newest version of the specs that this core serves."""

OLDEST_SPEC_VERSION = 1
"""Oldest version of the specs that this core serves."""

SERVED_SPECS = range(OLDEST_SPEC_VERSION, SPEC_VERSION + 1)
"""Versions of the specs of this core; a manifest's ``spec`` range must contain one of them."""

PROJECT = "penstock"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class SpecDeprecationWarning(DeprecationWarning):
    """An impl of a spec, or an argument of one, that will be gone."""


def _warning(what: str, deprecation: Deprecation | None) -> Warning | None:
    found = uses(what, deprecation, SERVED_SPECS)
    return SpecDeprecationWarning(found[0].sentence) if found else None


def _reacting(function: Callable[..., Any]) -> Callable[..., Any]:
    row = REACTING[function.__name__]
    arguments = {
        name: warning
        for name, each in row.arguments.items()
        if (warning := _warning(f"the argument {name!r} of the spec {row.name!r}", each))
    }
    warning = _warning(f"the spec {row.name!r}", row.deprecated)
    return hookspec(function, warn_on_impl=warning, warn_on_impl_args=arguments or None)


class PenstockSpecs:
    """Every spec that this core serves; the methods have no body because pluggy reads their signatures alone."""

    @_reacting
    def penstock_task_state_changed(self, change: TaskStateChanged) -> None:
        """React to a change of a task instance's state; called in the notifier process."""

    @_reacting
    def penstock_run_state_changed(self, change: RunStateChanged) -> None:
        """React to a change of a DAG run's state; called in the notifier process."""


def _answering(kind: Kind) -> Callable[..., Any]:
    def spec(self: PenstockSpecs, mention: str) -> Sequence[Any]:  # type: ignore[empty-body]
        pass

    # As in the body of the class: pluggy tells by the dot that the first argument is no one's to pass.
    spec.__name__, spec.__qualname__ = kind.spec, f"{PenstockSpecs.__name__}.{kind.spec}"
    spec.__doc__ = f"Answer with {kind.meaning}. An object of it is imported {kind.imported_when}."
    return hookspec(spec, warn_on_impl=_warning(f"the kind {kind.name!r}", kind.deprecated))


for _kind in ARRAYS.values():
    setattr(PenstockSpecs, _kind.spec, _answering(_kind))


def specs_manager() -> pluggy.PluginManager:
    """Make a plugin manager that knows the specs and no plugin."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(PenstockSpecs)
    return manager
