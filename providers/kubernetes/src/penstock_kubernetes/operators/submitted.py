"""What a task of a pod and one of a job do alike: it is created once, looked at until its end is known, and deleted."""

from typing import Any, ClassVar

from penstock.errors import SkipTask
from penstock.spec.external_job import Failed, JobStatus, Running, Succeeded
from penstock_kubernetes.hooks import KubernetesHook
from penstock_kubernetes.operators.kept import KeptOfJob
from penstock_kubernetes.operators.pod_arguments import PodArguments, check_own
from penstock_kubernetes.operators.pod_look import as_kept, of_kept, still


class Submitted(PodArguments):
    """A task whose work is one object of the cluster, named by the token of the request for it.

    A subclass names its `resource` and has `_made`, `_status`, `_has_unread`, `_read_on`, `_is_over` and `_why_gone`;
    `_grace_s` and `_patience_s` are how it is ended.

    Args:
        **kwargs: What every pod takes.

    Attributes:
        resource: What the API calls objects of its kind, such as ``pods``.
    """

    resource: ClassVar[str]

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - a pod's own
        super().__init__(**kwargs)
        self._noted: KeptOfJob | None = None
        self._read_to_end = False

    def submit(self, token: str) -> str:
        """Create it; returns its namespace and name.

        Raises:
            penstock.errors.ProviderError: It was refused, or nobody knows, or somebody else has one of its name.
        """
        hook = KubernetesHook(self.kubernetes_conn_id)
        pod, namespace = self._pod(token), self.namespace or hook.namespace
        made = self._made(pod, {**pod["metadata"], "name": token, "namespace": namespace})
        if hook.create(self.resource, made, namespace) is None:
            check_own(hook.get(self.resource, token, namespace) or {}, token, self.resource, namespace)
            self.log.info("%s %s is there already: it is this task's own.", self._kind, token)
        return f"{namespace}/{token}"

    def find(self, token: str) -> str | None:
        """The namespace and name of what was created with this token; None if nothing was."""
        hook = KubernetesHook(self.kubernetes_conn_id)
        namespace = self.namespace or hook.namespace
        return f"{namespace}/{token}" if hook.get(self.resource, token, namespace) else None

    def look(self, job_id: str) -> JobStatus:
        """How it is.

        Raises:
            SkipTask: A container of it ended with a code of ``skip_on_exit_code``.
        """
        if self._noted is None or self._noted.job_id != job_id:
            self._noted, self._read_to_end = KeptOfJob(job_id), False
        kept, hook, (namespace, _, name) = self._noted, KubernetesHook(self.kubernetes_conn_id), job_id.partition("/")
        if (ended := kept.ended) is not None:
            if not self._read_to_end and (found := hook.get(self.resource, name, namespace)) is not None:
                self._read_to_end = self._read_on(hook, found, kept)
                if not self._read_to_end:
                    return Running()
            over = bool(ended.get("over", True))
            self._clean_up(hook, self.resource, job_id, succeeded=bool(ended.get("succeeded")), over=over)
            return of_kept(ended)
        found = hook.get(self.resource, name, namespace)
        if found is None:
            why = self._why_gone(hook, name, namespace)
            return Failed(f"its {self._kind.lower()} {job_id} is gone, and nobody knows how it ended: {why}")
        try:
            status = self._status(hook, found, kept)
        except SkipTask as skip:
            kept.end({"skipped": str(skip)})
            if self._has_unread:
                return Running()
            self._clean_up(hook, self.resource, job_id, succeeded=True)
            raise
        if still(status):
            return status
        over = self._is_over(found)
        kept.end({**as_kept(status), "over": over})
        if self._has_unread:  # its end is kept, should it be gone by the next look
            return Running()
        self._clean_up(hook, self.resource, job_id, succeeded=isinstance(status, Succeeded), over=over)
        return status

    def cancel(self, job_id: str) -> None:
        """Delete it, and look until it is gone with what belongs to it.

        Raises:
            penstock.errors.ProviderError: It is still there.
        """
        namespace, _, name = job_id.partition("/")
        KubernetesHook(self.kubernetes_conn_id).delete_and_see(
            self.resource, name, namespace, grace_s=self._grace_s, patience_s=self._patience_s
        )

    @property
    def _kind(self) -> str:
        return self.resource.removesuffix("s").capitalize()

    @property
    def _grace_s(self) -> int | None:
        """Seconds that its containers have to end; None for what its spec says."""
        return None

    @property
    def _patience_s(self) -> float:
        """Seconds until it must be gone."""
        raise NotImplementedError(f"{type(self).__name__} has no _patience_s")

    def _made(self, pod: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
        """The object of this pod, with this metadata."""
        raise NotImplementedError(f"{type(self).__name__} has no _made()")

    def _status(self, hook: KubernetesHook, found: dict[str, Any], kept: KeptOfJob) -> JobStatus:
        """How it is, as the cluster has it now; raises SkipTask."""
        raise NotImplementedError(f"{type(self).__name__} has no _status()")

    @property
    def _has_unread(self) -> bool:
        """Whether the last look has left some of a log of what has ended to the next one."""
        raise NotImplementedError(f"{type(self).__name__} has no _has_unread")

    def _read_on(self, hook: KubernetesHook, found: dict[str, Any], kept: KeptOfJob) -> bool:
        """Read on in the logs of what has ended; whether that was all."""
        raise NotImplementedError(f"{type(self).__name__} has no _read_on()")

    def _is_over(self, found: dict[str, Any]) -> bool:
        """Whether it has ended by itself."""
        raise NotImplementedError(f"{type(self).__name__} has no _is_over()")

    def _why_gone(self, hook: KubernetesHook, name: str, namespace: str) -> str:
        """Why it is there no more, as the rest of a sentence."""
        raise NotImplementedError(f"{type(self).__name__} has no _why_gone()")
