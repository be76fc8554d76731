"""The arguments that pods and jobs share, and the pod that they make."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.external_job import ExternalJob
from penstock_kubernetes.hooks import KubernetesHook
from penstock_kubernetes.hooks.pod_template import check_pod, laid_over, read_template
from penstock_kubernetes.hooks.results import with_sidecar

BASE = "base"
OnFinish = Literal["delete", "delete_succeeded", "keep"]
ResultBy = Literal["none", "message", "file"]

_TOKEN_LABEL = "penstock/token"  # noqa: S105 - that of a request, not a secret
_TASK = "penstock/task"
_ENDING = frozenset({"Never", "OnFailure"})


class PodArguments(ExternalJob):
    """A task that is a pod, or a job of pods.

    The pod is made of a template, the arguments laid over it, and a patch over both; lists of things with names are merged by them. It
    is looked at before it is sent, and the cluster refuses fields that it does not know.

    Args:
        image: The image of the container that does the work.
        cmds: Its command, in place of the image's entry point.
        arguments: Its arguments.
        name: What people call it, in an annotation; the pod itself is named for the task's job.
        namespace: Where it runs; the connection's unless given.
        env_vars: Variables of its environment; a value may also be a mapping, such as ``{"secretKeyRef": {...}}``.
        env_from: Sources of whole environments, as a container's ``envFrom`` has them.
        volumes: As the spec of a pod has them.
        volume_mounts: As the spec of a container has them.
        container_resources: Requests and limits, as the spec of a container has them.
        labels: Labels of the pod; 63 characters at most.
        annotations: Annotations of the pod, for text of any kind.
        service_account_name: The account as which it runs.
        node_selector: Labels that its machine must have.
        tolerations: As the spec of a pod has them.
        init_containers: As the spec of a pod has them; one with ``restartPolicy: Always`` is a sidecar.
        pod_template: The pod to begin with.
        pod_template_file: A file of YAML or JSON with it, which is read when the task runs.
        pod_patch: What is laid over all of it; None takes a field away.
        container_name: The container that does the work, and whose end counts.
        get_logs: Whether its log is read into the task's while it runs.
        result: Where its result is: ``message`` is its termination message (4 KiB), ``file`` is the file
            ``/penstock/result/return.json`` (1 MiB), JSON both; ``none`` leaves the name of the pod or job.
        result_image: The image of the sidecar that brings a ``file``.
        schedule_timeout_s: Seconds until it must have a machine.
        startup_timeout_s: Seconds from then until it must run.
        skip_on_exit_code: Exit codes that mark the task skipped.
        on_finish_action: Whether it is deleted once its end is known: ``delete``, ``delete_succeeded`` or ``keep``.
        kubernetes_conn_id: The connection.
        **kwargs: What every job takes.
    """

    service: ClassVar[str] = "Kubernetes"
    template_fields: ClassVar[Sequence[str]] = (
        "image", "cmds", "arguments", "name", "namespace", "env_vars", "labels", "annotations", "container_resources", "pod_template",
        "pod_template_file", "pod_patch",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the arguments of a task, each by name
        self, *, image: str = "", cmds: list[str] | None = None, arguments: list[str] | None = None, name: str = "",
        namespace: str = "", env_vars: dict[str, Any] | None = None, env_from: list[dict[str, Any]] | None = None,
        volumes: list[dict[str, Any]] | None = None, volume_mounts: list[dict[str, Any]] | None = None,
        container_resources: dict[str, Any] | None = None, labels: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None, service_account_name: str = "",
        node_selector: dict[str, str] | None = None, tolerations: list[dict[str, Any]] | None = None,
        init_containers: list[dict[str, Any]] | None = None, pod_template: dict[str, Any] | None = None,
        pod_template_file: str = "", pod_patch: dict[str, Any] | None = None, container_name: str = BASE,
        get_logs: bool = True, result: ResultBy = "none", result_image: str = "busybox:1.37",
        schedule_timeout_s: float = 600.0, startup_timeout_s: float = 300.0, skip_on_exit_code: list[int] | None = None,
        on_finish_action: OnFinish = "delete", kubernetes_conn_id: str = "kubernetes_default",
        **kwargs: Any,  # noqa: ANN401 - a job's own
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        if pod_template and pod_template_file:
            raise ValueError("pod_template and pod_template_file exclude each other")
        if not (image or pod_template or pod_template_file):
            raise ValueError("a pod needs an image; give image, pod_template or pod_template_file")
        for timeout in (schedule_timeout_s, startup_timeout_s):
            if timeout <= 0:
                raise ValueError("schedule_timeout_s and startup_timeout_s must be greater than 0")
        self.image, self.cmds, self.arguments, self.name, self.namespace = image, cmds, arguments, name, namespace
        self.env_vars, self.env_from, self.volumes, self.volume_mounts = env_vars, env_from, volumes, volume_mounts
        self.container_resources, self.labels, self.annotations = container_resources, labels, annotations
        self.service_account_name, self.node_selector, self.tolerations = (
            service_account_name,
            node_selector,
            tolerations,
        )
        self.init_containers, self.pod_template, self.pod_template_file = (
            init_containers,
            pod_template,
            pod_template_file,
        )
        self.pod_patch, self.container_name, self.get_logs = pod_patch, container_name, get_logs
        self.result, self.result_image = result, result_image
        self.schedule_timeout_s, self.startup_timeout_s = schedule_timeout_s, startup_timeout_s
        self.skip_on_exit_code, self.on_finish_action = skip_on_exit_code, on_finish_action
        self.kubernetes_conn_id = kubernetes_conn_id

    def _pod(self, token: str) -> dict[str, Any]:
        """The whole pod.

        Raises:
            penstock.errors.ProviderError: Of kind ``invalid``: it can be none.
        """
        base = read_template(self.pod_template_file) if self.pod_template_file else self.pod_template or {}
        for part, what in ((base, "pod_template"), (self.pod_patch or {}, "pod_patch")):
            check_pod(part, what, whole=False)
        pod = laid_over(laid_over(base, self._of_arguments()), self.pod_patch or {})
        pod = laid_over(pod, {"metadata": {"labels": {_TOKEN_LABEL: token}, "annotations": self._facts()}})
        check_pod(pod, "the pod of this task")
        spec = pod["spec"]
        if self.container_name not in (each["name"] for each in spec["containers"]):
            known = ", ".join(repr(each["name"]) for each in spec["containers"])
            raise ProviderError(
                f"the pod of this task has no container {self.container_name!r}, but {known}", service="kubernetes",
                operation="read a template", kind=ErrorKind.INVALID,
            )  # fmt: skip
        if spec.setdefault("restartPolicy", "Never") not in _ENDING:
            raise ProviderError(
                f"the pod of this task never ends: its restartPolicy is {spec['restartPolicy']!r}", service="kubernetes",
                operation="read a template", kind=ErrorKind.INVALID, hint="Take Never or OnFailure",
            )  # fmt: skip
        if self.result == "file":
            pod["spec"] = with_sidecar(spec, self.container_name, self.result_image)
        return {"apiVersion": "v1", "kind": "Pod", **pod}

    def _clean_up(
        self, hook: KubernetesHook, resource: str, job_id: str, *, succeeded: bool, over: bool = True
    ) -> None:
        """Delete what has ended, if it is to go; that it cannot be fails no task.

        What is given up before its end goes in any case: it would go on beside what comes after it.
        """
        kept = self.on_finish_action == "keep" or (self.on_finish_action == "delete_succeeded" and not succeeded)
        if over and kept:
            return
        namespace, _, name = job_id.partition("/")
        try:
            hook.delete(resource, name, namespace)
        except ProviderError as error:
            self.log.warning("%s has ended and could not be deleted: %s Delete it by hand.", job_id, error)

    def _of_arguments(self) -> dict[str, Any]:
        container = _given({
            "name": self.container_name, "image": self.image, "command": self.cmds, "args": self.arguments,
            "env": [_variable(key, value) for key, value in (self.env_vars or {}).items()], "envFrom": self.env_from,
            "volumeMounts": self.volume_mounts, "resources": self.container_resources,
        })  # fmt: skip
        spec = _given({
            "containers": [container], "volumes": self.volumes, "serviceAccountName": self.service_account_name,
            "nodeSelector": self.node_selector, "tolerations": self.tolerations, "initContainers": self.init_containers,
        })  # fmt: skip
        return {"metadata": {"labels": self.labels or {}, "annotations": self.annotations or {}}, "spec": spec}

    def _facts(self) -> dict[str, str]:
        """What people look for, which may be any text."""
        return {"penstock/name": self.name or self.task_id, _TASK: self.task_id}


def check_own(found: Mapping[str, Any], token: str, resource: str, namespace: str) -> None:
    """Refuse what has the name of a task's own pod or job, and is another's.

    Args:
        found: What has the name; empty if it has just gone.
        token: The name, and the label of what is the task's.
        resource: Such as ``pods``.
        namespace: Where it is.

    Raises:
        penstock.errors.ProviderError: It is another's.
    """
    metadata = found.get("metadata", {})
    # A webhook may have changed labels or annotations.
    if metadata.get("labels", {}).get(_TOKEN_LABEL) != token and _TASK not in metadata.get("annotations", {}):
        raise ProviderError(
            f"{namespace}/{token}: what has this name is not of this task", service="kubernetes", operation=f"create {resource}",
            kind=ErrorKind.INVALID if found else ErrorKind.TRANSIENT, hint="Look who has made it, and delete it",
        )  # fmt: skip


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _variable(name: str, value: object) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {"name": name, "valueFrom": dict(value)}
    return {"name": name, "value": value if isinstance(value, str) else str(value)}
