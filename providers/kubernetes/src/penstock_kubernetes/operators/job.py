"""The operator that runs a job of the cluster, once, and says why it failed."""

from typing import Any, ClassVar

from penstock.errors import SkipTask
from penstock.spec.external_job import Failed, JobStatus, Running, Succeeded
from penstock_kubernetes.hooks import KubernetesHook
from penstock_kubernetes.hooks.pod_state import PodEnd, end_of
from penstock_kubernetes.operators.kept import KeptOfJob
from penstock_kubernetes.operators.pod_look import PodLook, judged
from penstock_kubernetes.operators.submitted import Submitted

_FINAL = ("Complete", "Failed")
_PATIENCE_S = 60.0


class KubernetesJobOperator(Submitted):
    """Runs a Job of the cluster and waits for its end, without holding a slot.

    The cluster starts a pod that failed again, as often as ``backoff_limit`` says, and after a lost machine, too; a retry of the task is
    another Job. The Job's name is the job's token, so that it is created once.

    Args:
        backoff_limit: How often a pod that failed is followed by another.
        active_deadline_s: Seconds after which the cluster ends the Job; None for never.
        ttl_s: Seconds after its end when the cluster deletes it, if Penstock has not.
        parallelism: How many pods run at once.
        completions: How many must succeed.
        **kwargs: What every pod takes.
    """

    resource: ClassVar[str] = "jobs"

    def __init__(
        self,
        *,
        backoff_limit: int = 0,
        active_deadline_s: int | None = None,
        ttl_s: int = 86400,
        parallelism: int = 1,
        completions: int = 1,
        **kwargs: Any,  # noqa: ANN401 - a pod's own
    ) -> None:
        super().__init__(**kwargs)
        self.backoff_limit, self.active_deadline_s, self.ttl_s = backoff_limit, active_deadline_s, ttl_s
        self.parallelism, self.completions = parallelism, completions
        self._sights: dict[str, PodLook] = {}

    @property
    def _patience_s(self) -> float:
        return _PATIENCE_S

    def _made(self, pod: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
        spec = {
            "backoffLimit": self.backoff_limit, "ttlSecondsAfterFinished": self.ttl_s, "parallelism": self.parallelism,
            "completions": self.completions, "template": {"metadata": pod["metadata"], "spec": pod["spec"]},
        }  # fmt: skip
        if self.active_deadline_s is not None:
            spec["activeDeadlineSeconds"] = self.active_deadline_s
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}

    def _is_over(self, found: dict[str, Any]) -> bool:
        return _ended(found) is not None

    def _why_gone(self, hook: KubernetesHook, name: str, namespace: str) -> str:  # noqa: ARG002 - a Job leaves no Event that says it
        return "somebody has deleted it"

    def _seen(self, hook: KubernetesHook, pods: list[dict[str, Any]], kept: KeptOfJob) -> str:
        """Tell of each pod and read its log; returns why one that does not start is waited for no longer."""
        too_late = ""
        for pod in pods:
            sight = self._sight(pod)
            start = sight.start(hook, pod)
            sight.read_log(hook, pod, kept)
            if end_of(pod, self.container_name) is None:
                too_late = (
                    too_late
                    or sight.misfit(pod)
                    or sight.late(pod, start, hook.server_time, self.schedule_timeout_s, self.startup_timeout_s)
                )
        return too_late

    @property
    def _has_unread(self) -> bool:
        return any(sight.unread for sight in self._sights.values())

    def _read_on(self, hook: KubernetesHook, found: dict[str, Any], kept: KeptOfJob) -> bool:
        for pod in self._pods(hook, found):
            self._sight(pod).read_log(hook, pod, kept)
        return not self._has_unread

    def _sight(self, pod: dict[str, Any]) -> PodLook:
        made = PodLook(self.container_name, self.log, get_logs=self.get_logs)
        return self._sights.setdefault(pod["metadata"]["name"], made)

    def _pods(self, hook: KubernetesHook, found: dict[str, Any]) -> list[dict[str, Any]]:
        name, namespace = found["metadata"]["name"], found["metadata"]["namespace"]
        pods, _ = hook.listed("pods", namespace, labels=f"batch.kubernetes.io/job-name={name}")
        return sorted(pods, key=lambda each: each["metadata"].get("creationTimestamp", ""))

    def _status(self, hook: KubernetesHook, found: dict[str, Any], kept: KeptOfJob) -> JobStatus:
        name, pods = found["metadata"]["name"], self._pods(hook, found)
        too_late = self._seen(hook, pods, kept)
        ended = _ended(found)
        if ended is None:
            return Failed(too_late) if too_late else Running()
        ends = [(pod, end) for pod in pods if (end := end_of(pod, self.container_name)) is not None]
        if ended["type"] == "Complete":
            return self._of_success(hook, name, [each for each in ends if not each[1].reason])
        causes = dict.fromkeys(end.reason for _, end in ends if end.reason)
        words = f"{ended.get('reason', '')}: {ended.get('message', '')}".strip(": ").rstrip(".")
        skipping = {end.exit_code for _, end in ends} & set(self.skip_on_exit_code or ())
        if skipping:
            raise SkipTask(f"a pod of it ended with exit code {min(code for code in skipping if code is not None)}")
        return Failed("; ".join([*causes, words]))

    def _of_success(self, hook: KubernetesHook, name: str, ends: list[tuple[dict[str, Any], PodEnd]]) -> JobStatus:
        if self.result == "none" or not ends:
            return Succeeded(name if self.result == "none" else None)
        pod, end = ends[-1]
        sight = self._sights[pod["metadata"]["name"]]
        return judged(end, (), lambda: sight.result(hook, pod, end, self.result), name, self.log, wanted=True)


def _ended(job: dict[str, Any]) -> dict[str, Any] | None:
    """The condition of a Job that says that it has ended; None of one that has not."""
    conditions = [each for each in job.get("status", {}).get("conditions") or () if each.get("status") == "True"]
    return next((each for each in conditions if each["type"] in _FINAL), None)
