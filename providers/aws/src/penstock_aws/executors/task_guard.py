"""Protects the ECS task of a worker while it has tries, so that neither a scale-in nor a deployment of its service ends it."""

from collections.abc import Mapping
from typing import NamedTuple

from penstock_aws.hooks.task_protection import TaskProtection

MINUTES = 60
"""For how long it is asked each time: a worker that is killed leaves a protection that ends by then."""
AGENT = "ECS_AGENT_URI"


class TaskGuard(NamedTuple):
    """Implements `penstock.spec.remote.WorkerGuard`.

    Attributes:
        protection: Of this container's task.
        lasts_s: For as long as it is asked for.
    """

    protection: TaskProtection
    lasts_s: float = MINUTES * 60.0

    def busy(self) -> None:
        """Have the task kept for an hour; raises `penstock.errors.ProviderError`."""
        self.protection.protect(MINUTES)

    def idle(self) -> None:
        """Let the task be ended; raises `penstock.errors.ProviderError`."""
        self.protection.release()


def task_guard(environ: Mapping[str, str]) -> TaskGuard | None:
    """The guard of the task in which this process runs; None if it runs in no container of ECS."""
    uri = environ.get(AGENT, "")
    return TaskGuard(TaskProtection(uri)) if uri else None
