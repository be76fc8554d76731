"""What an executor needs of a cluster is tried before the first ticket, without any effect."""

from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.remote import Ticket
from penstock_kubernetes.executors.worker_pod import WorkerPods
from penstock_kubernetes.hooks import KubernetesHook

Object = dict[str, Any]

_NAME = "penstock-template"
_NO_DRY_RUN = "does not support dry run"
"""What the API server says of a webhook that has effects, and so is not asked (`apiserver/pkg/admission/plugin/webhook/errors`)."""


def check_rights(hook: KubernetesHook, pods: WorkerPods) -> None:
    """Try the template and each verb that an executor needs, in each of its namespaces.

    Args:
        hook: The client.
        pods: Makes the objects.

    Raises:
        penstock.errors.ProviderError: The cluster refuses something, or cannot be reached.
    """
    ticket = Ticket(_NAME, "", "default", 0, 0, "", "", "")
    sample, usual = pods.pod_of(ticket)
    for namespace in pods.namespaces:
        placed = {**sample, "metadata": {**sample["metadata"], "namespace": namespace}}
        _tried(hook, "pods", placed, namespace, template=namespace == usual)
        _tried(hook, "secrets", pods.secret_of(ticket, {"metadata": {"uid": _NAME}}), namespace, template=False)
        hook.get("pods", _NAME, namespace)
        hook.delete("pods", _NAME, namespace, dry=True)
        hook.listed("pods", namespace, labels=pods.selector)


def _tried(hook: KubernetesHook, resource: str, made: Object, namespace: str, *, template: bool) -> None:
    try:
        hook.create(resource, made, namespace, dry=True)
    except ProviderError as error:
        if error.kind is ErrorKind.THROTTLED or _NO_DRY_RUN in error.detail:
            return  # a quota says nothing against the template, and such a webhook keeps everybody from trying
        if error.kind is ErrorKind.INVALID and not template:
            return  # what a policy says of a pod there is for the tasks that ask for this namespace
        raise
