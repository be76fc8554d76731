"""The one machine of a fake cluster, and what a test does to it."""

import fnmatch
import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from penstock_testkit.commands.fork_server import ForkServer
from penstock_testkit.kubernetes.cluster_store import RESOURCES, Object, ObjectStore, now_text
from penstock_testkit.kubernetes.running.pod_status import phase_change, set_condition
from penstock_testkit.kubernetes.running.pods import PodRun
from penstock_testkit.kubernetes.validation import number_of


class Node:
    """A machine that runs pods as processes.

    Args:
        store: The cluster's objects.
        folder: For volumes.

    Attributes:
        name: Its name.
        labels: What a ``nodeSelector`` is matched with.
        cpu: Cores that a pod may request.
        memory: Bytes that a pod may request.
        paused: While true no pod is scheduled.
        images: The command that an image brings with it, by the image's name; of a pod that has no command.
        missing_images: Patterns of images that cannot be pulled.
        environment: What every container's environment begins with.
        warm: Fork servers that run programs in processes of their own that need import nothing, by the words with which commands begin.
        restart_s: How long a container that ended is not started again.
        back_off_s: How long until a container that could not be made is tried again.
    """

    def __init__(self, store: ObjectStore, folder: Path) -> None:
        self.store, self.folder = store, folder
        self.name, self.labels = "node-1", {"kubernetes.io/os": "linux"}
        self.cpu, self.memory, self.paused = 64.0, 256.0 * 2**30, False
        self.images: dict[str, Sequence[str]] = {}
        self.missing_images = ["bad/*"]
        self.environment: Mapping[str, str] = {"PATH": os.environ.get("PATH", os.defpath)}
        self.warm: dict[tuple[str, ...], ForkServer] = {}
        self.restart_s = self.back_off_s = 0.05
        self.pods: dict[tuple[str, str], PodRun] = {}
        self._numbers = itertools.count(1)

    def run(self, pod: Object) -> None:
        """Take a pod that was created."""
        made = PodRun(self, pod, self.folder / f"{next(self._numbers)}-{pod['metadata']['name']}")
        made._folder.mkdir(parents=True)  # noqa: SLF001 - two parts of one thing
        self.pods[made.key] = made
        made.start()

    def delete(self, name: str, namespace: str, grace_s: float) -> None:
        """Have a pod end, and go once it has; what nobody runs any more goes at once."""
        found = self.pods.get((name, namespace))
        if found is None or not found.delete(grace_s) or grace_s == 0:
            self._take_away((name, namespace))

    def forget(self, run: PodRun) -> None:
        """Take a pod away whose processes have ended after its deletion."""
        if self.pods.get(run.key) is run:
            self._take_away(run.key)

    def freed(self, changed: Object) -> None:
        """Take a pod away that was deleted, runs no more, and has lost its finalizers."""
        metadata = changed.get("metadata", {})
        key = (metadata.get("name", ""), metadata.get("namespace", ""))
        if changed.get("kind") == "Pod" and metadata.get("deletionTimestamp") and key not in self.pods:
            self._take_away(key)

    def problem_with(self, pod: Object) -> str:
        """Why a pod cannot be scheduled here; "" if it can."""
        spec = pod["spec"]
        selector = spec.get("nodeSelector") or {}
        if any(self.labels.get(key) != value for key, value in selector.items()):
            return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
        for name, most in (("cpu", self.cpu), ("memory", self.memory)):
            wanted = sum(
                number_of(str((each.get("resources") or {}).get("requests", {}).get(name, 0)))
                for each in spec["containers"]
            )
            if wanted > most:
                return f"0/1 nodes are available: 1 Insufficient {name}."
        return ""

    def lacks(self, image: str) -> bool:
        """Whether an image cannot be pulled."""
        return any(fnmatch.fnmatch(image, pattern) for pattern in self.missing_images)

    def event(self, about: Object, kind: str, reason: str, message: str) -> None:
        """Record an Event about an object."""
        metadata = about["metadata"]
        resource = RESOURCES[f"{about['kind'].lower()}s"]
        reference = {
            "kind": resource.kind, "apiVersion": resource.group_version, "name": metadata["name"],
            "namespace": metadata["namespace"], "uid": metadata["uid"],
        }  # fmt: skip
        made = {
            "metadata": {"generateName": f"{metadata['name']}."}, "involvedObject": reference, "type": kind, "reason": reason,
            "message": message, "count": 1, "firstTimestamp": now_text(), "lastTimestamp": now_text(),
            "source": {"component": "fake"},
        }  # fmt: skip
        self.store.create("events", made, metadata["namespace"])

    # What a test does to it.

    def oom(self, name: str, namespace: str = "default", container: str = "") -> None:
        """Kill a pod's container for its memory."""
        self.pods[name, namespace].kill("OOMKilled", container)

    def evict(self, name: str, namespace: str = "default") -> None:
        """Evict a pod under pressure for memory, as a kubelet does."""
        message = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 7Mi."
        self.event(self.store.get("pods", name, namespace), "Warning", "Evicted", message)
        self.pods[name, namespace].fail("Evicted", message)

    def preempt(self, name: str, namespace: str = "default") -> None:
        """Take a pod's place for a more important one: its condition says so, then it is deleted."""
        message = "default-scheduler: preempting to accommodate a higher priority pod"
        self.event(self.store.get("pods", name, namespace), "Normal", "Preempted", "Preempted by pod 1 on node node-1")
        self._disrupt(name, namespace, "PreemptionByScheduler", message)
        self.delete(name, namespace, 1)

    def lose(self) -> None:
        """The machine is gone, with all that ran on it; the collector of pods fails them, and deletes them."""
        for name, namespace in list(self.pods):
            found = self.pods.pop((name, namespace))
            if not self.store.has("pods", name, namespace):
                continue
            found.lose()
            self.event(self.store.get("pods", name, namespace), "Warning", "NodeNotReady", "Node is not ready")
            self._disrupt(name, namespace, "DeletionByPodGC", "PodGC: node no longer exists")
            self.store.update("pods", name, namespace, phase_change("Failed", "NodeLost", f"Node {self.name} is gone"))
            self.store.remove("pods", name, namespace)

    def kill(self, name: str, namespace: str = "default") -> None:
        """Kill every process of a pod, as ``kill -9`` does."""
        self.pods[name, namespace].kill("")

    def alive(self) -> list[str]:
        """The names of pods with processes, sorted."""
        found = [key[0] for key, each in list(self.pods.items()) if any(run.running for run in each.runs.values())]
        return sorted(found)

    def _take_away(self, key: tuple[str, str]) -> None:
        """Forget a pod that was deleted; one with finalizers is kept until these are taken away."""
        self.pods.pop(key, None)
        if self.store.has("pods", *key) and not self.store.get("pods", *key)["metadata"].get("finalizers"):
            self.store.remove("pods", *key)

    def _disrupt(self, name: str, namespace: str, reason: str, message: str) -> None:
        self.store.update(
            "pods",
            name,
            namespace,
            lambda pod: set_condition(pod, "DisruptionTarget", status=True, reason=reason, message=message),
        )
