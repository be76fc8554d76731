"""The operator that runs a pod, once, and says how far it is and why it failed."""

from typing import Any, ClassVar

from penstock.spec.external_job import Failed, JobStatus, Running
from penstock_kubernetes.hooks import KubernetesHook
from penstock_kubernetes.hooks.pod_state import end_of, is_taken_back
from penstock_kubernetes.operators.kept import KeptOfJob
from penstock_kubernetes.operators.pod_look import PodLook, judged, last_event
from penstock_kubernetes.operators.submitted import Submitted

_BEYOND_GRACE_S = 20.0
_CLUSTERS_GRACE_S = 30


class KubernetesPodOperator(Submitted):
    """Runs a pod and waits for its end, without holding a slot.

    The pod's name is the job's token, so that it is created once, whatever is killed when; a name that is taken is this task's own pod.
    What holds up its start is in the task's log. A pod that is deleted by others has failed.

    Args:
        termination_grace_s: Seconds that the pod has to end when its task is ended; what its spec says unless given.
        **kwargs: What every pod takes.
    """

    resource: ClassVar[str] = "pods"

    def __init__(self, *, termination_grace_s: int | None = None, **kwargs: Any) -> None:  # noqa: ANN401 - a pod's own
        super().__init__(**kwargs)
        self.termination_grace_s = termination_grace_s
        self._sight = PodLook(self.container_name, self.log, get_logs=self.get_logs)

    @property
    def _grace_s(self) -> int | None:
        return self.termination_grace_s

    @property
    def _patience_s(self) -> float:
        return (_CLUSTERS_GRACE_S if self._grace_s is None else self._grace_s) + _BEYOND_GRACE_S

    def _made(self, pod: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
        return {**pod, "metadata": metadata}

    def _status(self, hook: KubernetesHook, found: dict[str, Any], kept: KeptOfJob) -> JobStatus:
        start = self._sight.start(hook, found)
        self._sight.read_log(hook, found, kept)
        end = end_of(found, self.container_name)
        if end is not None:
            return judged(
                end, self.skip_on_exit_code or (), lambda: self._sight.result(hook, found, end, self.result),
                found["metadata"]["name"], self.log, wanted=self.result != "none",
            )  # fmt: skip
        sight, now = self._sight, hook.server_time
        why = sight.misfit(found) or sight.late(found, start, now, self.schedule_timeout_s, self.startup_timeout_s)
        if why:
            return Failed(why)
        taken = is_taken_back(found) if found["metadata"].get("deletionTimestamp") else ""
        return Failed(taken) if taken else Running()

    @property
    def _has_unread(self) -> bool:
        return self._sight.unread

    def _read_on(self, hook: KubernetesHook, found: dict[str, Any], kept: KeptOfJob) -> bool:
        self._sight.read_log(hook, found, kept)
        return not self._sight.unread

    def _is_over(self, found: dict[str, Any]) -> bool:
        return end_of(found, self.container_name) is not None

    def _why_gone(self, hook: KubernetesHook, name: str, namespace: str) -> str:
        return last_event(hook.events_of(name, namespace))
