"""What works on its own in a cluster: jobs that make pods, and the collector of what nobody owns.

Source: "Jobs", "Automatic Cleanup for Finished Jobs" and "Garbage Collection" (kubernetes.io). Not covered: indexed jobs, policies of
pod failures, deletion in the foreground.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from penstock_testkit.kubernetes.api_refusals import ApiRefusedError
from penstock_testkit.kubernetes.cluster_store import Object, ObjectStore, now_text
from penstock_testkit.kubernetes.validation import deletion_cost

_TICK_S = 0.02
_FINAL = ("Succeeded", "Failed")


class Controllers(threading.Thread):
    """Looks at jobs and at owners, time and again.

    Args:
        store: The cluster's objects.
        create_pod: Creates a pod in a namespace, as a client would.
        delete: Deletes an object of a resource, by name and namespace.
        event: Records an Event about an object.

    Attributes:
        retry_s: How long until a failed pod of a job is followed by another.
    """

    def __init__(
        self,
        store: ObjectStore,
        create_pod: Callable[[Object, str], Object],
        delete: Callable[[str, str, str], object],
        event: Callable[[Object, str, str, str], None],
    ) -> None:
        super().__init__(name="controllers", daemon=True)
        self.retry_s = 0.02
        self._store, self._create_pod, self._take_away, self._event = store, create_pod, delete, event
        self._seen: dict[str, tuple[int, int]] = {}
        self._pause: dict[str, float] = {}
        self._finished: dict[str, float] = {}
        self._begun: dict[str, float] = {}

    def run(self) -> None:
        """Work until the store is closed."""
        version = 0
        while not self._store.closed:
            if self._store.version != version or self._pause or self._finished or self._begun:
                version = self._store.version
                for job in self._store.all("jobs"):
                    self._reconcile(job)
                self._collect()
            with self._store.changed:
                self._store.changed.wait(_TICK_S)

    def _collect(self) -> None:
        """Delete what names only owners that are gone."""
        uids = self._store.uids()
        for resource in ("pods", "secrets", "configmaps", "jobs"):
            for each in self._store.all(resource):
                owners = each["metadata"].get("ownerReferences") or ()
                if (
                    owners
                    and not each["metadata"].get("deletionTimestamp")
                    and all(o["uid"] not in uids for o in owners)
                ):
                    self._take_away(resource, each["metadata"]["name"], each["metadata"]["namespace"])

    def _reconcile(self, job: Object) -> None:
        uid, spec = job["metadata"]["uid"], job["spec"]
        if any(each["type"] in ("Complete", "Failed") for each in job["status"].get("conditions", ())):
            self._clean_up(job)
            return
        begun = self._begun.setdefault(uid, time.monotonic())
        pods = [each for kind, each in self._store.owned(uid) if kind == "pods"]
        phases = [each["status"].get("phase", "Pending") for each in pods]
        succeeded, failed = phases.count("Succeeded"), phases.count("Failed")
        active = [each for each, phase in zip(pods, phases, strict=True) if phase not in _FINAL]
        if succeeded >= spec.get("completions", 1):
            self._finish(job, "Complete", "CompletionsReached", "Reached expected number of succeeded pods", pods)
        elif failed > spec.get("backoffLimit", 6):
            self._finish(job, "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit", pods)
        elif (limit := spec.get("activeDeadlineSeconds")) and time.monotonic() - begun > limit:
            self._finish(job, "Failed", "DeadlineExceeded", "Job was active longer than specified deadline", pods)
        elif not active and not spec.get("suspend"):
            self._add_pod(job, failed)
        self._count(job, len(active), succeeded, failed)

    def _add_pod(self, job: Object, failed: int) -> None:
        uid, metadata = job["metadata"]["uid"], job["metadata"]
        now = time.monotonic()
        if failed and now < self._pause.setdefault(f"{uid}/{failed}", now + self.retry_s):
            return
        self._pause = {key: until for key, until in self._pause.items() if not key.startswith(uid)}
        template = job["spec"]["template"]
        given = template.get("metadata") or {}
        labels = {
            **(given.get("labels") or {}), "job-name": metadata["name"], "controller-uid": uid,
            "batch.kubernetes.io/job-name": metadata["name"], "batch.kubernetes.io/controller-uid": uid,
        }  # fmt: skip
        owner = {
            "apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"], "uid": uid, "controller": True,
            "blockOwnerDeletion": True,
        }  # fmt: skip
        pod_metadata = {**given, "generateName": f"{metadata['name']}-", "labels": labels, "ownerReferences": [owner]}
        try:
            made = self._create_pod({"metadata": pod_metadata, "spec": template["spec"]}, metadata["namespace"])
        except ApiRefusedError as error:
            self._pause[f"{uid}/{failed}"] = now + 10 * self.retry_s
            if self._seen.get(uid) != (failed, 0):
                self._seen[uid] = (failed, 0)
                self._event(job, "Warning", "FailedCreate", f"Error creating: {error.message}")
        else:
            self._event(job, "Normal", "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")

    def _finish(self, job: Object, kind: str, reason: str, message: str, pods: list[Object]) -> None:
        condition = {
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": now_text(),
        }

        def change(found: Object) -> None:
            status = found["status"]
            status["conditions"] = [*status.get("conditions", ()), condition]
            status["completionTime"] = now_text()

        for each in pods:
            if each["status"].get("phase", "Pending") not in _FINAL:
                self._take_away("pods", each["metadata"]["name"], each["metadata"]["namespace"])
        self._store.update("jobs", job["metadata"]["name"], job["metadata"]["namespace"], change)

    def _clean_up(self, job: Object) -> None:
        uid, ttl = job["metadata"]["uid"], job["spec"].get("ttlSecondsAfterFinished")
        self._begun.pop(uid, None)
        if ttl is None:
            return
        if time.monotonic() - self._finished.setdefault(uid, time.monotonic()) >= ttl:
            self._finished.pop(uid)
            self._take_away("jobs", job["metadata"]["name"], job["metadata"]["namespace"])

    def _count(self, job: Object, active: int, succeeded: int, failed: int) -> None:
        wanted: dict[str, Any] = {"active": active, "succeeded": succeeded, "failed": failed}

        def change(found: Object) -> None:
            found["status"] |= {key: value for key, value in wanted.items() if value}
            for key, value in wanted.items():
                if not value:
                    found["status"].pop(key, None)

        self._store.update("jobs", job["metadata"]["name"], job["metadata"]["namespace"], change)


def deleted_first(pod: Object) -> tuple[bool, int, bool, int]:
    """By what the controller of ReplicaSets sorts pods that are too many, those that it deletes first before the others.

    Source: `ActivePodsWithRanks` of `pkg/controller/controller_utils.go`. All pods are on one machine here, so that its rule of
    machines decides nothing; restarts are not looked at, and ages by whoever sorts: the youngest is deleted first.
    """
    metadata, status = pod["metadata"], pod["status"]
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions") or ())
    phase = ("Pending", "Unknown", "Running").index(status.get("phase", "Pending"))
    cost = deletion_cost(metadata.get("annotations") or {}) or 0
    return bool(pod["spec"].get("nodeName")), phase, ready, cost
