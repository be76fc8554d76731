"""The options of the executor, read and checked at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock import Connection
from penstock.errors import ConfigError, as_sentence
from penstock.spec.fields import read_fields
from penstock_kubernetes.connections import KubernetesFields

_LABELS = {"app.kubernetes.io/managed-by": "penstock"}


@dataclass(frozen=True, kw_only=True)
class PodOptions:
    """What ``[executors.NAME]`` says.

    Attributes:
        image: The image of workers, with ``penstock`` and all providers that tasks need.
        command: The worker's command.
        namespace: Where pods are; the cluster's own unless given.
        namespaces: Others, which a task's pod may name.
        cluster: Fields of a connection of type ``kubernetes``; without any, those of a pod or of the kubeconfig.
        pod_template: The pod to begin with.
        pod_template_file: A file of YAML or JSON with it.
        pod_labels: Labels of every pod.
        worker_bytes: Bytes of memory that a worker itself needs, beside what its task asks for.
        creates: Pods that are asked for at once.
        start_timeout_s: Seconds from the moment when a pod has a machine until it must run.
        schedule_timeout_s: Seconds until a pod must have a machine; 0 for as long as it takes.
        keep_s: Seconds for which a pod that has ended is kept, for a look at it.
        watch_s: Seconds after which a watch is begun anew.
        silent_s: Seconds of silence after which a watch is taken for cut.
    """

    image: str = ""
    command: list[str] = field(default_factory=lambda: ["penstock", "worker", "--ticket"])
    namespace: str = ""
    namespaces: list[str] = field(default_factory=list)
    cluster: dict[str, Any] = field(default_factory=dict)
    pod_template: dict[str, Any] = field(default_factory=dict)
    pod_template_file: str = ""
    pod_labels: dict[str, str] = field(default_factory=lambda: dict(_LABELS))
    worker_bytes: int = 192 << 20
    creates: int = 4
    start_timeout_s: float = 600.0
    schedule_timeout_s: float = 0.0
    keep_s: float = 0.0
    watch_s: int = 240
    silent_s: float = 90.0

    @property
    def connection(self) -> Connection:
        """The cluster as a connection."""
        given = dict(self.cluster)
        return Connection("", "kubernetes", password=str(given.pop("token", "") or ""), extra=given)


def read_pod_options(name: str, options: Mapping[str, Any], *, connected: bool = False) -> PodOptions:
    """Read the options of an executor.

    Args:
        name: Of the executor in the settings.
        options: Its own.
        connected: Whether it has a connection by its name.

    Raises:
        ConfigError: They are wrong.
    """
    try:
        made = PodOptions(**options)
    except TypeError as error:
        raise ConfigError(f"[executors.{name}]: {as_sentence(error)}") from error
    problems = []
    if not (made.image or made.pod_template or made.pod_template_file):
        problems.append("a pod needs an image: give image, pod_template or pod_template_file")
    if made.pod_template and made.pod_template_file:
        problems.append("pod_template and pod_template_file exclude each other")
    if made.cluster and connected:
        problems.append("cluster and conn_id exclude each other")
    positive, others = (
        ("creates", "start_timeout_s", "watch_s", "silent_s"),
        ("schedule_timeout_s", "keep_s", "worker_bytes"),
    )
    problems += [f"{option} must be greater than 0" for option in positive if getattr(made, option) <= 0]
    problems += [f"{option} must be 0 or more" for option in others if getattr(made, option) < 0]
    if problems:
        raise ConfigError(f"[executors.{name}]: {'; '.join(problems)}.")
    read_fields(made.connection, KubernetesFields)
    return made
