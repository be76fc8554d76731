"""The operator that runs a pod, once, and says how far it is and why it failed."""

from collections.abc import Sequence
from typing import Any, ClassVar

from penstock.errors import SkipTask
from penstock.spec.external_job import Failed, JobStatus, Running, Succeeded
from penstock_kubernetes.hooks import KubernetesHook
from penstock_kubernetes.hooks.pod_state import end_of, is_taken_back, late
from penstock_kubernetes.operators.kept import KeptOfJob
from penstock_kubernetes.operators.pod_arguments import PodArguments
from penstock_kubernetes.operators.pod_look import PodLook, as_kept, judged, last_event, of_kept, still

_PATIENCE_S = 20.0


class KubernetesPodOperator(PodArguments):
    """Runs a pod and waits for its end, without holding a slot.

    The pod's name is the job's token, so that it is created once, whatever is killed when; a name that is taken is this task's own pod.
    What holds up its start is in the task's log. A pod that is deleted by others has failed.

    Args:
        termination_grace_s: Seconds that the pod has to end when its task is ended; what its spec says unless given.
        wait_for_completion: Whether the task waits for the pod; if not, it ends once the pod is created, with its name.
        cancel_on_kill: Whether the pod is deleted when the task is ended from outside.
        **kwargs: What every pod takes.
    """

    template_fields: ClassVar[Sequence[str]] = PodArguments.template_fields

    def __init__(
        self,
        *,
        termination_grace_s: int | None = None,
        wait_for_completion: bool = True,
        cancel_on_kill: bool = True,
        **kwargs: Any,  # noqa: ANN401 - a pod's own
    ) -> None:
        super().__init__(wait_for_completion=wait_for_completion, cancel_on_kill=cancel_on_kill, **kwargs)
        self.termination_grace_s = termination_grace_s
        self._sight = PodLook(self.container_name, self.log, get_logs=self.get_logs)
        self._noted: KeptOfJob | None = None

    def submit(self, token: str) -> str:
        """Create the pod; returns its namespace and name.

        Raises:
            penstock.errors.ProviderError: It was refused, or nobody knows.
        """
        hook = KubernetesHook(self.kubernetes_conn_id)
        pod, namespace = self._pod(token), self.namespace or hook.namespace
        pod["metadata"] = {**pod["metadata"], "name": token, "namespace": namespace}
        if hook.create("pods", pod, namespace) is None:
            self.log.info("The pod %s is there already: it is this task's own.", token)
        return f"{namespace}/{token}"

    def find(self, token: str) -> str | None:
        """The namespace and name of the pod that was created with this token."""
        hook = KubernetesHook(self.kubernetes_conn_id)
        namespace = self.namespace or hook.namespace
        return f"{namespace}/{token}" if hook.get("pods", token, namespace) else None

    def look(self, job_id: str) -> JobStatus:
        """How the pod is.

        Raises:
            SkipTask: Its container ended with a code of ``skip_on_exit_code``.
        """
        kept = self._noted if self._noted and self._noted.job_id == job_id else KeptOfJob(job_id)
        self._noted = kept
        hook, (namespace, _, name) = KubernetesHook(self.kubernetes_conn_id), job_id.partition("/")
        if (ended := kept.ended) is not None:
            self._clean_up(hook, "pods", job_id, succeeded=bool(ended.get("succeeded")))
            return of_kept(ended)
        pod = hook.get("pods", name, namespace)
        if pod is None:
            return Failed(
                f"its pod {job_id} is gone, and nobody knows how it ended: {last_event(hook.events_of(name, namespace))}"
            )
        start = self._sight.start(hook, pod)
        self._sight.read_log(hook, pod, kept)
        status = self._status(
            hook, pod, late(pod, start, hook.server_time, self.schedule_timeout_s, self.startup_timeout_s)
        )
        if still(status):
            return status
        kept.end(as_kept(status))
        self._clean_up(hook, "pods", job_id, succeeded=isinstance(status, Succeeded))
        return status

    def cancel(self, job_id: str) -> None:
        """Delete the pod, and look until it is gone.

        Raises:
            penstock.errors.ProviderError: It is still there.
        """
        namespace, _, name = job_id.partition("/")
        patience_s = (30 if self.termination_grace_s is None else self.termination_grace_s) + _PATIENCE_S
        hook = KubernetesHook(self.kubernetes_conn_id)
        hook.delete_and_see("pods", name, namespace, grace_s=self.termination_grace_s, patience_s=patience_s)

    def _status(self, hook: KubernetesHook, pod: dict[str, Any], too_late: str) -> JobStatus:
        end = end_of(pod, self.container_name)
        if end is None and too_late:
            return Failed(too_late)
        if end is None:
            taken = is_taken_back(pod) if pod["metadata"].get("deletionTimestamp") else ""
            return Failed(taken) if taken else Running()
        name = pod["metadata"]["name"]
        try:
            return judged(
                end, self.skip_on_exit_code or (), lambda: self._sight.result(hook, pod, end, self.result), name, self.log,
                wanted=self.result != "none",
            )  # fmt: skip
        except SkipTask as skip:
            (self._noted or KeptOfJob(name)).end({"skipped": str(skip)})
            self._clean_up(hook, "pods", f"{pod['metadata']['namespace']}/{name}", succeeded=True)
            raise
