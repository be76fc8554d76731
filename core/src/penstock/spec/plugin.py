"""The pluggy specs of the core: what a provider can answer, and what it can react to.

**Answering specs** are served from manifests: the core registers one plugin object a provider, which answers from data,
so that asking never imports a provider. They may be called in any process, provider by provider in the order of their
ids; each gives what it has, an empty tuple for nothing.

**Reacting specs** are implemented by the module that a manifest names as ``plugin``. It is loaded in a process of its own
and nowhere else; that process, and the notifier which feeds it, exist only while some active provider names such a module.
An impl is called after the change is durable, at least once, one change after the other in the order in which they
were decided: it must bear to hear of the same change again after a crash. Providers do not wait for each other, and
nothing waits for an impl: no task starts or ends later because one is slow. What an impl raises is logged under its
provider's name and counts as one failure; one that takes longer than ``[notifier] timeout_s`` is ended with its
process, which counts as one failure, too. The change is passed over in both cases. A change at which the process ended
three times is passed over as well. Every change of a state is told, however many of them one transaction made durable.

An impl may ask for connections and Variables, as a task does, and so may the hooks that it uses; for nothing else.

An impl takes the arguments it needs, by name, and may leave out others::

    from penstock.spec.plugin import hookimpl

    @hookimpl
    def penstock_task_state_changed(change): ...

A spec is never changed, only added to; `penstock.spec.manifest.SPEC_VERSION` counts what would break an impl.
"""

import pluggy

from penstock.model.notice import RunStateChanged, TaskStateChanged
from penstock.spec.manifest import Capability, Command, ConnectionType

__all__ = [
    "PROJECT",
    "REACTING",
    "PenstockSpecs",
    "RunStateChanged",
    "TaskStateChanged",
    "hookimpl",
    "hookspec",
]

PROJECT = "penstock"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class PenstockSpecs:
    """Every spec of version 1; the methods have no body because pluggy reads their signatures alone."""

    @hookspec
    def penstock_hooks(self) -> tuple[Capability, ...]:  # type: ignore[empty-body]
        """Clients of external services, for ``connections test`` and for DAGs that name a hook by its id."""

    @hookspec
    def penstock_operators(self) -> tuple[Capability, ...]:  # type: ignore[empty-body]
        """Operators, for DAGs that name one by its id and for the catalogue."""

    @hookspec
    def penstock_sensors(self) -> tuple[Capability, ...]:  # type: ignore[empty-body]
        """Sensors, likewise; the waiters import one when the first of its tasks begins to wait."""

    @hookspec
    def penstock_executors(self) -> tuple[Capability, ...]:  # type: ignore[empty-body]
        """Executors; the scheduler imports the one that the settings name, when it starts."""

    @hookspec
    def penstock_object_stores(self) -> tuple[Capability, ...]:  # type: ignore[empty-body]
        """Object stores, by URL scheme; a task process imports one when the first URL of its scheme is opened."""

    @hookspec
    def penstock_secrets_backends(self) -> tuple[Capability, ...]:  # type: ignore[empty-body]
        """Places that connections and Variables come from; the scheduler imports those that the settings name."""

    @hookspec
    def penstock_log_stores(self) -> tuple[Capability, ...]:  # type: ignore[empty-body]
        """Places where logs of finished tries are kept; imported where logs are written or read."""

    @hookspec
    def penstock_notifiers(self) -> tuple[Capability, ...]:  # type: ignore[empty-body]
        """Senders of messages; the notifier imports one when the first message for it is due."""

    @hookspec
    def penstock_metrics_sinks(self) -> tuple[Capability, ...]:  # type: ignore[empty-body]
        """Receivers of metrics; each process that measures imports those that the settings name."""

    @hookspec
    def penstock_timetables(self) -> tuple[Capability, ...]:  # type: ignore[empty-body]
        """Schedules; imported by the child process that loads a DAG file which uses one."""

    @hookspec
    def penstock_connection_types(self) -> tuple[ConnectionType, ...]:  # type: ignore[empty-body]
        """Kinds of connections and their fields, for forms, for validation and for masking secrets."""

    @hookspec
    def penstock_commands(self) -> tuple[Command, ...]:  # type: ignore[empty-body]
        """Sub-commands of ``penstock``; the command line imports one when it is called."""

    @hookspec
    def penstock_task_state_changed(self, change: TaskStateChanged) -> None:
        """React to a change of a task instance's state; called in the notifier process."""

    @hookspec
    def penstock_run_state_changed(self, change: RunStateChanged) -> None:
        """React to a change of a DAG run's state; called in the notifier process."""


REACTING = ("penstock_task_state_changed", "penstock_run_state_changed")
"""Names of the specs that plugin modules implement; all others are answered from manifests."""
