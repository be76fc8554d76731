"""The operator that runs a job of the cluster, once, and says why it failed."""

from collections.abc import Sequence
from typing import Any, ClassVar

from penstock.errors import SkipTask
from penstock.spec.external_job import Failed, JobStatus, Running, Succeeded
from penstock_kubernetes.hooks import KubernetesHook
from penstock_kubernetes.hooks.pod_state import PodEnd, end_of, late
from penstock_kubernetes.operators.kept import KeptOfJob
from penstock_kubernetes.operators.pod_arguments import PodArguments
from penstock_kubernetes.operators.pod_look import PodLook, as_kept, judged, of_kept, still

_PATIENCE_S = 60.0
_FINAL = ("Complete", "Failed")


class KubernetesJobOperator(PodArguments):
    """Runs a Job of the cluster and waits for its end, without holding a slot.

    The cluster starts a pod that failed again, as often as ``backoff_limit`` says, and after a lost machine, too; a retry of the task is
    another Job. The Job's name is the job's token, so that it is created once.

    Args:
        backoff_limit: How often a pod that failed is followed by another.
        active_deadline_s: Seconds after which the cluster ends the Job; None for never.
        ttl_s: Seconds after its end when the cluster deletes it, if Penstock has not.
        parallelism: How many pods run at once.
        completions: How many must succeed.
        wait_for_completion: Whether the task waits for the Job; if not, it ends once the Job is created, with its name.
        cancel_on_kill: Whether the Job is deleted when the task is ended from outside.
        **kwargs: What every pod takes.
    """

    template_fields: ClassVar[Sequence[str]] = PodArguments.template_fields

    def __init__(
        self,
        *,
        backoff_limit: int = 0,
        active_deadline_s: int | None = None,
        ttl_s: int = 86400,
        parallelism: int = 1,
        completions: int = 1,
        wait_for_completion: bool = True,
        cancel_on_kill: bool = True,
        **kwargs: Any,  # noqa: ANN401 - a pod's own
    ) -> None:
        super().__init__(wait_for_completion=wait_for_completion, cancel_on_kill=cancel_on_kill, **kwargs)
        self.backoff_limit, self.active_deadline_s, self.ttl_s = backoff_limit, active_deadline_s, ttl_s
        self.parallelism, self.completions = parallelism, completions
        self._sights: dict[str, PodLook] = {}
        self._noted: KeptOfJob | None = None

    def submit(self, token: str) -> str:
        """Create the Job; returns its namespace and name.

        Raises:
            penstock.errors.ProviderError: It was refused, or nobody knows.
        """
        hook = KubernetesHook(self.kubernetes_conn_id)
        pod, namespace = self._pod(token), self.namespace or hook.namespace
        template = {"metadata": pod["metadata"], "spec": pod["spec"]}
        spec = {
            "backoffLimit": self.backoff_limit, "ttlSecondsAfterFinished": self.ttl_s, "parallelism": self.parallelism,
            "completions": self.completions, "template": template,
        }  # fmt: skip
        if self.active_deadline_s is not None:
            spec["activeDeadlineSeconds"] = self.active_deadline_s
        job = {
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {**pod["metadata"], "name": token, "namespace": namespace}, "spec": spec,
        }  # fmt: skip
        if hook.create("jobs", job, namespace) is None:
            self.log.info("The job %s is there already: it is this task's own.", token)
        return f"{namespace}/{token}"

    def find(self, token: str) -> str | None:
        """The namespace and name of the Job that was created with this token."""
        hook = KubernetesHook(self.kubernetes_conn_id)
        namespace = self.namespace or hook.namespace
        return f"{namespace}/{token}" if hook.get("jobs", token, namespace) else None

    def look(self, job_id: str) -> JobStatus:
        """How the Job is.

        Raises:
            SkipTask: A pod of it ended with a code of ``skip_on_exit_code``.
        """
        kept = self._noted if self._noted and self._noted.job_id == job_id else KeptOfJob(job_id)
        self._noted = kept
        hook, (namespace, _, name) = KubernetesHook(self.kubernetes_conn_id), job_id.partition("/")
        if (ended := kept.ended) is not None:
            self._clean_up(hook, "jobs", job_id, succeeded=bool(ended.get("succeeded")))
            return of_kept(ended)
        job = hook.get("jobs", name, namespace)
        if job is None:
            return Failed(f"its job {job_id} is gone, and nobody knows how it ended: somebody has deleted it")
        pods, _ = hook.listed("pods", namespace, labels=f"batch.kubernetes.io/job-name={name}")
        pods.sort(key=lambda each: each["metadata"].get("creationTimestamp", ""))
        status = self._status(hook, job, pods, self._seen(hook, pods, kept))
        if still(status):
            return status
        kept.end(as_kept(status))
        self._clean_up(hook, "jobs", job_id, succeeded=isinstance(status, Succeeded))
        return status

    def cancel(self, job_id: str) -> None:
        """Delete the Job, and look until it is gone with its pods.

        Raises:
            penstock.errors.ProviderError: It is still there.
        """
        namespace, _, name = job_id.partition("/")
        KubernetesHook(self.kubernetes_conn_id).delete_and_see(
            "jobs", name, namespace, grace_s=None, patience_s=_PATIENCE_S
        )

    def _seen(self, hook: KubernetesHook, pods: list[dict[str, Any]], kept: KeptOfJob) -> str:
        """Tell of each pod and read its log; returns why one that does not start is waited for no longer."""
        too_late = ""
        for pod in pods:
            sight = self._sights.setdefault(
                pod["metadata"]["name"], PodLook(self.container_name, self.log, get_logs=self.get_logs)
            )
            start = sight.start(hook, pod)
            sight.read_log(hook, pod, kept)
            if end_of(pod, self.container_name) is None:
                too_late = too_late or late(
                    pod, start, hook.server_time, self.schedule_timeout_s, self.startup_timeout_s
                )
        return too_late

    def _status(
        self, hook: KubernetesHook, job: dict[str, Any], pods: list[dict[str, Any]], too_late: str
    ) -> JobStatus:
        conditions = [each for each in job.get("status", {}).get("conditions") or () if each.get("status") == "True"]
        ended = next((each for each in conditions if each["type"] in _FINAL), None)
        if ended is None:
            return Failed(too_late) if too_late else Running()
        ends = [(pod, end) for pod in pods if (end := end_of(pod, self.container_name)) is not None]
        if ended["type"] == "Complete":
            return self._of_success(hook, job, [each for each in ends if not each[1].reason])
        causes = dict.fromkeys(end.reason for _, end in ends if end.reason)
        words = f"{ended.get('reason', '')}: {ended.get('message', '')}".strip(": ").rstrip(".")
        skipping = {end.exit_code for _, end in ends} & set(self.skip_on_exit_code or ())
        if skipping:
            return self._skipped(
                hook, job, f"a pod of it ended with exit code {min(code for code in skipping if code is not None)}"
            )
        return Failed("; ".join([*causes, words]))

    def _of_success(
        self, hook: KubernetesHook, job: dict[str, Any], ends: list[tuple[dict[str, Any], PodEnd]]
    ) -> JobStatus:
        name = job["metadata"]["name"]
        if self.result == "none" or not ends:
            return Succeeded(name if self.result == "none" else None)
        pod, end = ends[-1]
        sight = self._sights[pod["metadata"]["name"]]
        return judged(end, (), lambda: sight.result(hook, pod, end, self.result), name, self.log, wanted=True)

    def _skipped(self, hook: KubernetesHook, job: dict[str, Any], why: str) -> JobStatus:
        metadata = job["metadata"]
        (self._noted or KeptOfJob(metadata["name"])).end({"skipped": why})
        self._clean_up(hook, "jobs", f"{metadata['namespace']}/{metadata['name']}", succeeded=True)
        raise SkipTask(why)
