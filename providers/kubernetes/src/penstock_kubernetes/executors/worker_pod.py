"""The pod of a ticket: a template, what the try's author asked for, and what makes it the pod of this ticket and no other.

The ticket lies in a Secret that the pod owns, so that it stands in no list of pods and goes with its pod.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.remote import RemoteContext, Ticket
from penstock_kubernetes.executors.pod_options import PodOptions
from penstock_kubernetes.hooks.pod_template import check_pod, laid_over, read_template

WORKER = "worker"
"""The container that runs the worker."""
INSTALLATION, EXECUTOR, RUN = "penstock/installation", "penstock/executor", "penstock/run"
"""Labels: ids alone, as a label has 63 characters of a narrow alphabet."""
TICKET = "ticket"

_LABEL = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_KNOWN = frozenset({"pod"})

Object = dict[str, Any]


class WorkerPods:
    """Makes the pods and Secrets of tickets.

    Args:
        context: The executor's.
        options: Its options.
        namespace: Where pods are that name no other place.
    """

    def __init__(self, context: RemoteContext, options: PodOptions, namespace: str) -> None:
        self._context, self._options, self.namespace = context, options, namespace
        self.labels = {
            INSTALLATION: context.installation,
            EXECUTOR: label_of(context.name),
        }
        self._template: Object | None = None

    @property
    def selector(self) -> str:
        """What finds the pods of this executor, and no others."""
        return ",".join(f"{key}={value}" for key, value in self.labels.items())

    def reread(self) -> None:
        """Read the template anew.

        Raises:
            penstock.errors.ProviderError: Of kind ``invalid``: it is none.
        """
        options = self._options
        found = read_template(options.pod_template_file) if options.pod_template_file else options.pod_template
        check_pod(found, "pod_template", whole=False)
        container = {"name": WORKER, **({"image": options.image} if options.image else {}), "command": options.command}
        self._template = laid_over(
            found, {"metadata": {"labels": options.pod_labels}, "spec": {"containers": [container]}}
        )

    def pod_of(self, ticket: Ticket) -> tuple[Object, str]:
        """The pod of a ticket, and its namespace.

        Raises:
            penstock.errors.ProviderError: Of kind ``invalid``: what the task asks for can be no pod.
        """
        if self._template is None:
            self.reread()
        config = ticket.executor_config
        if unknown := sorted(config.keys() - _KNOWN):
            raise _invalid(f"executor_config has no {', '.join(unknown)}; it has pod")
        patch = config.get("pod") or {}
        check_pod(patch, "executor_config['pod']", whole=False)
        pod = laid_over(laid_over(self._template or {}, self._asked(ticket)), patch)
        namespace = str((pod.get("metadata") or {}).get("namespace") or self.namespace)
        if namespace not in self.namespaces:
            raise _invalid(
                f"executor_config asks for the namespace {namespace!r}; this executor has {', '.join(self.namespaces)}"
            )
        pod = laid_over(pod, self._own(ticket, namespace))
        check_pod(pod, f"the pod of {ticket.dag_id}.{ticket.task_id}")
        return {"apiVersion": "v1", "kind": "Pod", **pod}, namespace

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where pods may be, the usual place first."""
        return tuple(dict.fromkeys([self.namespace, *self._options.namespaces]))

    def secret_of(self, ticket: Ticket, pod: Mapping[str, Any]) -> Object:
        """The Secret with a ticket, which goes with its pod."""
        owner = {"apiVersion": "v1", "kind": "Pod", "name": ticket.name, "uid": pod["metadata"]["uid"]}
        metadata = {"name": ticket.name, "labels": self.labels, "ownerReferences": [owner]}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "type": "Opaque",
            "stringData": {TICKET: ticket.secret},
        }

    def _asked(self, ticket: Ticket) -> Object:
        """What the try's author asked for in the words of every executor."""
        requests, limits = {}, {}
        if ticket.cpu:
            requests["cpu"] = f"{round(ticket.cpu * 1000)}m"
        if ticket.memory_bytes:
            requests["memory"] = limits["memory"] = str(ticket.memory_bytes + self._options.worker_bytes)
        resources = {key: value for key, value in (("requests", requests), ("limits", limits)) if value}
        return {"spec": {"containers": [{"name": WORKER, "resources": resources}]}} if resources else {}

    def _own(self, ticket: Ticket, namespace: str) -> Object:
        """What nobody may change: the name, the labels, the ticket, and that nothing is started twice."""
        secret = {
            "name": "PENSTOCK_TICKET",
            "value": None,
            "valueFrom": {"secretKeyRef": {"name": ticket.name, "key": TICKET}},
        }
        env = [secret, *([{"name": "PENSTOCK_SERVER", "value": self._context.server}] if self._context.server else [])]
        words = {
            "penstock/dag": ticket.dag_id, "penstock/run": ticket.run_id, "penstock/task": ticket.task_id,
            "penstock/map-index": str(ticket.map_index), "penstock/try": str(ticket.try_number), "penstock/queue": ticket.queue,
        }  # fmt: skip
        labels = {**self.labels, RUN: str(ticket.run)}
        return {
            "metadata": {"name": ticket.name, "namespace": namespace, "generateName": None, "labels": labels, "annotations": words},
            "spec": {"restartPolicy": "Never", "containers": [{"name": WORKER, "env": env}]},
        }  # fmt: skip


def label_of(name: str) -> str:
    """The name of an executor as a label; a digest of it where it cannot be one."""
    return name if _LABEL.fullmatch(name) else f"x-{hashlib.sha256(name.encode()).hexdigest()[:40]}"


def _invalid(detail: str) -> ProviderError:
    return ProviderError(detail, service="kubernetes", operation="make a pod", kind=ErrorKind.INVALID)
