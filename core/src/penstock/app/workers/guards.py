"""Finds what can have the machine of a worker kept while it has tries."""

from collections.abc import Callable, Mapping

from penstock.model.names import error_reason
from penstock.plugins.host import PluginHost
from penstock.spec.remote import WorkerGuard
from penstock.tries.remote.remote_options import is_remote


def guards_of(
    host: PluginHost, environ: Mapping[str, str], report: Callable[[str], None]
) -> tuple[tuple[str, WorkerGuard], ...]:
    """The guards of this machine, each with the id of the executor whose engine it is of.

    Args:
        host: Knows the executors of all providers.
        environ: The environment of the worker.
        report: Takes a sentence for people: what cannot be asked for a guard keeps no worker from its work.
    """
    found = {}
    for capability in host.capabilities("executors"):
        try:
            make = host.resolve(capability.id, "executors")
            guard = make.guard(environ) if is_remote(make) else None
        except Exception as error:  # noqa: BLE001 - a provider's code
            report(f"{capability.id} cannot say whether this machine is to be kept: {error_reason(error)}")
        else:
            if guard is not None:
                found[capability.id] = guard
    return tuple(found.items())
