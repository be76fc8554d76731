"""Says what it costs to delete the pod of a worker, so that a Deployment that needs fewer pods ends idle ones first.

Source: "ReplicaSet" (kubernetes.io), under "Pod deletion cost"; `pkg/controller/controller_utils.go` of Kubernetes: the cost counts
after whether pods are scheduled, run and are ready, and before their age.
"""

from collections.abc import Mapping
from typing import NamedTuple

from penstock import Connection
from penstock.errors import ErrorKind, ProviderError
from penstock_kubernetes.hooks import KubernetesHook

POD_NAME, POD_NAMESPACE, CLUSTER = "PENSTOCK_POD_NAME", "PENSTOCK_POD_NAMESPACE", "KUBERNETES_SERVICE_HOST"
COST = "controller.kubernetes.io/pod-deletion-cost"
BUSY = "1000"


class PodGuard(NamedTuple):
    """Annotates the pod of a worker; implements `penstock.spec.remote.WorkerGuard`.

    Attributes:
        hook: A client of the cluster.
        name: Of the pod.
        namespace: Its namespace; that of the pod's account unless given.
        lasts_s: For ever: the annotation stays with the pod.
    """

    hook: KubernetesHook
    name: str
    namespace: str
    lasts_s: float = 0.0

    def busy(self) -> None:
        """Have other pods deleted first; raises `penstock.errors.ProviderError`."""
        self._annotate(BUSY)

    def idle(self) -> None:
        """Have it cost nothing to delete it; raises `penstock.errors.ProviderError`."""
        self._annotate(None)

    def _annotate(self, cost: str | None) -> None:
        namespace = self.namespace or self.hook.namespace
        if not self.hook.annotate("pods", self.name, namespace, {COST: cost}):
            raise ProviderError(
                f"there is no pod {self.name} in the namespace {namespace}", service="kubernetes", operation="patch pods",
                kind=ErrorKind.NOT_FOUND, hint=f"{POD_NAME} and {POD_NAMESPACE} name the worker's own pod",
            )  # fmt: skip


def pod_guard(environ: Mapping[str, str]) -> PodGuard | None:
    """The guard of the pod in which this process runs; None if it is not told its name, or is in none."""
    name = environ.get(POD_NAME, "")
    if not name or not environ.get(CLUSTER):
        return None
    limits = {"in_cluster": True, "max_attempts": 1, "connect_timeout_s": 3.0, "read_timeout_s": 5.0, "deadline_s": 8.0}
    hook = KubernetesHook(connection=Connection("", "kubernetes", extra=limits))
    return PodGuard(hook, name, environ.get(POD_NAMESPACE, ""))
