"""The operator that runs a command in a container: once, with its log in the task's, and with nothing left behind."""

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar, Literal

from penstock import get_current_context
from penstock.errors import ErrorKind, PenstockError, ProviderError, SkipTask, SupersededError
from penstock.spec.external_job import Failed, JobStatus, Running, Succeeded
from penstock_docker.hooks import DockerHook
from penstock_docker.operators.container_end import ContainerEnd
from penstock_docker.operators.container_shape import ContainerShape
from penstock_docker.operators.end_cause import end_cause
from penstock_docker.operators.log_follower import LogFollower

_TOKEN_LABEL = "penstock.token"  # noqa: S105 - a label's name
_FACTS = ("dag_id", "run_id", "task_id", "map_index", "try_number")
_PULL_WAIT_S = 5.0
_PULLS = 5
_NO_IMAGE = "no such image"
_STARTS = 3
_LARGEST_RESULT = 1024 * 1024
_SHORTEST_SECRET = 4
_ENDED = frozenset({"exited", "dead"})
_PASSING = frozenset({ErrorKind.TRANSIENT, ErrorKind.THROTTLED, ErrorKind.TIMEOUT})


class DockerOperator(ContainerShape):
    """Runs a command in a container and waits for its end, without holding a slot.

    The container's name ends with a token that is kept before it is made, so that there is one container whichever process is
    killed when: a later try goes on with it, and with its log where that was. It is looked at in short calls; an engine that does
    not answer for a while fails nothing. Whatever its end (success, failure, cancel, timeout), it is stopped and removed by
    this operator and not by the engine, once its log, exit code and result were read.

    What it leaves for others is the last line that the container wrote to its standard output, or what is in
    ``result_file``; and the image's digest, under the key ``image_digest``.

    Args:
        image: The image, with its tag or digest.
        container_name: The beginning of the container's name.
        result_file: Path in the container of a JSON file, which is the value that the task leaves; at most 1 MiB.
        auto_remove: Whether the container is removed at its end: ``force`` always, ``success`` unless it failed, ``never``.
        skip_on_exit_code: Exit codes that mark the task skipped.
        force_pull: Whether the image is pulled even if it is there.
        stop_grace_s: Seconds that the container has to end by itself when the task is ended, before it is killed; fewer than the
            setting of the same name, after which nobody waits for the task any more.
        docker_conn_id: The connection.
        wait_for_completion: Whether the task waits for the container; if not, it ends once that is started, with its id, and
            nobody removes it.
        cancel_on_kill: Whether the container is stopped when the task is ended from outside.
        poke_interval: Time between two looks at the container, as timedelta or seconds.
        **kwargs: What `ContainerShape` and every sensor take.
    """

    service: ClassVar[str] = "Docker"
    template_fields: ClassVar[Sequence[str]] = (
        "image", "container_name", "result_file", *ContainerShape.template_fields,
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the arguments of a task, each by name
        self,
        *,
        image: str,
        container_name: str = "",
        result_file: str = "",
        auto_remove: Literal["force", "success", "never"] = "force",
        skip_on_exit_code: int | list[int] | None = None,
        force_pull: bool = False,
        stop_grace_s: int = 3,
        docker_conn_id: str = "docker_default",
        wait_for_completion: bool = True,
        cancel_on_kill: bool = True,
        poke_interval: timedelta | float = 2.0,
        **kwargs: Any,  # noqa: ANN401 - a sensor's own
    ) -> None:
        super().__init__(
            wait_for_completion=wait_for_completion,
            cancel_on_kill=cancel_on_kill,
            poke_interval=poke_interval,
            **kwargs,
        )
        self.image, self.container_name, self.result_file = image, container_name, result_file
        self.auto_remove, self.skip_on_exit_code, self.force_pull = auto_remove, skip_on_exit_code, force_pull
        self.stop_grace_s, self.docker_conn_id = stop_grace_s, docker_conn_id
        self._pulled, self._failed_pulls, self._starts = False, 0, 0
        self._log_of: tuple[str, LogFollower] | None = None
        self._private: dict[str, str] | None = None

    # What the base asks for.

    def submit(self, token: str) -> str:
        """Make the container, and pull its image before; returns the container's id."""
        hook = self._hook()
        self._have_image(hook)
        name = self._full_name(token)
        labels = {**(self.labels or {}), **_labels(), _TOKEN_LABEL: token}
        try:
            found = hook.create(
                name, self.image, host=self._host(), labels=labels, **self._config(self._secret_values())
            )
        except ProviderError as error:
            if error.kind is ErrorKind.NOT_FOUND and _NO_IMAGE in error.detail.lower() and self._failed_pulls < _PULLS:
                self._failed_pulls, self._pulled = self._failed_pulls + 1, False
                raise ProviderError(
                    f"{self.image} was removed before it was used, and is pulled anew.",
                    service="docker", operation="create", kind=ErrorKind.TRANSIENT,
                ) from error  # fmt: skip
            made = hook.container(name) if error.kind is ErrorKind.CONFLICT else None
            if made is None or made["Config"].get("Labels", {}).get(_TOKEN_LABEL) != token:
                raise
            found = str(made["Id"])
        if not self.wait_for_completion:
            self._start(hook, found)
        return found

    def find(self, token: str) -> str | None:
        """The id of the container that was made with this token."""
        hook = self._hook()
        made = hook.container(self._full_name(token))
        if made is not None and not self.wait_for_completion:
            self._start(hook, str(made["Id"]))
        return None if made is None else str(made["Id"])

    def look(self, job_id: str) -> JobStatus:
        """How the container is: it is started first, and read and removed last.

        Raises:
            SkipTask: It ended with a code of ``skip_on_exit_code``.
        """
        hook = self._hook()
        found = hook.container(job_id)
        if found is not None and self._is_left():
            return self._look_at_left(hook, found)
        if found is None:
            return self._settled(ContainerEnd.kept(get_current_context()["checkpoints"], job_id), job_id)
        if found["State"]["Status"] == "created":
            problem = self._begin(hook, job_id)
            if problem is not None:
                return self._over(hook, ContainerEnd(job_id, "failed", _reason(problem), kind=problem.kind))
            found = hook.container(job_id) or found
        ended = found["State"]["Status"] in _ENDED
        whole = self._follower(found).follow(hook, ended=ended)
        return self._over(hook, self._end(hook, found)) if ended and whole else Running()

    def cancel(self, job_id: str) -> None:
        """Stop the container, killed after ``stop_grace_s``; and remove it, its log read."""
        hook = self._hook()
        found = hook.container(job_id)
        if found is None:
            return
        try:
            hook.stop(job_id, self.stop_grace_s)
            if not self._is_left():
                self._follower(found).follow(hook, ended=True)
        except SupersededError:
            self.log.info("The rest of the container's log is not read: this try was given up.")
        finally:
            if self.auto_remove != "never":
                hook.remove(job_id)

    # Steps of a container's life.

    def _prepare(self, hook: DockerHook, container_id: str) -> None:
        """Do what is to be done between the container's creation and its start."""

    def _result(self, hook: DockerHook, found: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
        """What the container leaves; raises ProviderError of kind ``invalid`` where it is none."""
        if not self.do_xcom_push:
            return None
        if not self.result_file:
            return self._follower(found).shown(hook.last_line(found["Id"], terminal=self.tty))
        content = hook.file(found["Id"], self.result_file, _LARGEST_RESULT)
        if content is None:
            raise _no_result(f"the container left no {self.result_file}")
        try:
            found = json.loads(content, parse_constant=_no_number)
            json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair has no place in any text
        except (ValueError, RecursionError) as error:
            raise _no_result(f"{self.result_file} of the container is no JSON: {error}") from None
        return found

    def _failure(self, hook: DockerHook, found: dict[str, Any], cause: str) -> ContainerEnd:  # noqa: ARG002 - for subclasses
        """How a container that has failed is to be told."""
        return ContainerEnd(found["Id"], "failed", cause)

    def _hook(self) -> DockerHook:
        return DockerHook(self.docker_conn_id)

    def _full_name(self, token: str) -> str:
        return f"{self.container_name}-{token}" if self.container_name else token

    def _is_left(self) -> bool:
        """Whether the base asks about a container from before a clear: it has no job of its own yet."""
        return self._job is None

    def _look_at_left(self, hook: DockerHook, found: dict[str, Any]) -> JobStatus:
        """How a container from before a clear is: what it says is no part of this try, and the base has it stopped."""
        if found["State"]["Status"] not in _ENDED:
            return Running()
        if self._is_removed(succeeded=not found["State"].get("ExitCode")):
            hook.remove(found["Id"])
        return Succeeded()

    def _is_removed(self, *, succeeded: bool) -> bool:
        return self.auto_remove == "force" or (self.auto_remove == "success" and succeeded)

    def _have_image(self, hook: DockerHook) -> None:
        found = None if self.force_pull and not self._pulled else hook.image(self.image)
        if found is not None and (self._pulled or self._is_for_platform(found)):
            return
        try:
            progress = hook.pull(self.image, platform=self.platform, wait_s=_PULL_WAIT_S)
        except ProviderError as error:
            self._failed_pulls += 1
            if error.kind in _PASSING and self._failed_pulls >= _PULLS:
                # A registry that is away for good is the author's to see, by the task's own retries.
                raise ProviderError(
                    error.detail, service="docker", operation="pull", kind=ErrorKind.JOB_FAILED, hint=error.hint
                ) from error
            raise
        if progress:
            raise ProviderError(
                f"{self.image} is not here yet: {progress}.",
                service="docker",
                operation="pull",
                kind=ErrorKind.TRANSIENT,
            )
        self._pulled = True

    def _is_for_platform(self, image: dict[str, Any]) -> bool:
        wanted = self.platform.split("/")[:2]
        return not self.platform or wanted == [image.get("Os"), image.get("Architecture")][: len(wanted)]

    def _begin(self, hook: DockerHook, container_id: str) -> ProviderError | None:
        """Start the container; an error that is no other the next time is returned."""
        self._starts += 1
        try:
            self._prepare(hook, container_id)
            self._start(hook, container_id)
        except ProviderError as error:
            if error.kind in _PASSING and (error.http_status is None or self._starts < _STARTS):
                raise
            return error
        return None

    def _start(self, hook: DockerHook, container_id: str) -> None:
        hook.start(container_id)
        self.log.info("Container %s runs %s.", container_id[:12], self._image_words(hook, container_id))

    def _image_words(self, hook: DockerHook, container_id: str) -> str:
        digest = _digest(hook, (hook.container(container_id) or {}).get("Image", ""))
        return f"{self.image}, which is {digest}" if digest and digest not in self.image else self.image

    def _follower(self, found: dict[str, Any]) -> LogFollower:
        container_id = str(found["Id"])
        if self._log_of is None or self._log_of[0] != container_id:
            secrets = [each for each in self._secret_values().values() if len(each) >= _SHORTEST_SECRET]
            checkpoints = get_current_context()["checkpoints"]
            follower = LogFollower(self.log, checkpoints, container_id, terminal=self.tty, secrets=secrets)
            self._log_of = container_id, follower
        return self._log_of[1]

    def _end(self, hook: DockerHook, found: dict[str, Any]) -> ContainerEnd:
        container_id, code = str(found["Id"]), int(found["State"].get("ExitCode") or 0)
        if code and code in _codes(self.skip_on_exit_code):
            return ContainerEnd(
                container_id, "skipped", f"the container ended with exit code {code}, which means: skip"
            )
        cause = end_cause(found, hook.events_of_end(found)) if code or found["State"].get("Error") else ""
        if cause:
            end = self._failure(hook, found, cause)
            return replace(end, reason=self._follower(found).shown(end.reason))
        digest = _digest(hook, found.get("Image", ""))
        try:
            return ContainerEnd(container_id, "success", value=self._result(hook, found), digest=digest)
        except ProviderError as error:
            if error.kind in _PASSING:
                raise
            return ContainerEnd(container_id, "failed", error.detail, kind=error.kind)

    def _over(self, hook: DockerHook, end: ContainerEnd) -> JobStatus:
        """Keep how it ended, remove the container, and tell; what an earlier process has kept holds.

        That one may have been killed with the removal on its way, which then came while this one read.
        """
        checkpoints = get_current_context()["checkpoints"]
        end = ContainerEnd.kept(checkpoints, end.container_id) or end
        if self._is_removed(succeeded=end.outcome != "failed"):
            try:
                end.keep(checkpoints)
            except SupersededError:
                raise
            except PenstockError as error:
                self.log.warning("Its result is not kept beside the container: %s", error)
            self._remove(hook, end.container_id)
        return self._settled(end, end.container_id)

    def _remove(self, hook: DockerHook, container_id: str) -> None:
        """Remove a container whose end is kept; one that cannot be removed fails no task whose work is done."""
        try:
            hook.remove(container_id)
        except ProviderError as error:
            if error.kind in _PASSING:
                raise
            self.log.error("Container %s is not removed: %s Remove it by hand.", container_id[:12], error)  # noqa: TRY400 - the engine's words say enough

    def _settled(self, end: ContainerEnd | None, container_id: str) -> JobStatus:
        if end is None:
            return Failed(
                f"container {container_id[:12]} is gone: somebody else removed it, and nobody knows how it ended"
            )
        if end.outcome == "skipped":
            raise SkipTask(end.reason)
        if end.outcome == "failed":
            return Failed(end.reason, ErrorKind(end.kind))
        if end.digest:
            get_current_context()["ti"].xcom_push(key="image_digest", value=end.digest)
        return Succeeded(end.value)

    def _secret_values(self) -> dict[str, str]:
        """What is in ``private_environment``, rendered: it is no template field, as those are shown with the task."""
        if self._private is None:
            rendered = self.render_template(self.private_environment or {}, get_current_context())
            self._private = {str(name): str(value) for name, value in rendered.items()}
        return self._private


def _reason(problem: ProviderError) -> str:
    return f"{problem.detail}. {problem.hint}" if problem.hint else str(problem.detail)


def _labels() -> dict[str, str]:
    """Labels by which people find the container of a task."""
    facts = get_current_context().facts
    return {f"penstock.{name}": str(getattr(facts, name)) for name in _FACTS}


def _digest(hook: DockerHook, image_id: str) -> str:
    """The digest by which a registry knows an image; its id where no registry does."""
    try:
        found = (hook.image(image_id) if image_id else None) or {}
    except ProviderError:
        return ""
    digests = found.get("RepoDigests") or []
    return str(digests[0]) if digests else image_id


def _codes(given: int | Collection[int] | None) -> Collection[int]:
    return (given,) if isinstance(given, int) else given or ()


def _no_number(name: str) -> Any:  # noqa: ANN401 - as `json.loads` has it
    raise ValueError(f"{name} is no number of JSON")


def _no_result(detail: str) -> ProviderError:
    return ProviderError(detail, service="docker", operation="result", kind=ErrorKind.INVALID)
