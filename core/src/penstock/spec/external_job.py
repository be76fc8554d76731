"""Jobs that run elsewhere: one base for every operator that starts work in a service and waits for its end.

A job is started once, whatever is killed when: the intent is stored before the job is asked for, its id after, and both are kept
as a checkpoint of the task instance (`penstock.model.names.JOB`). A later try, or the same one in another process, goes on
with the stored job. Where it is not known whether an earlier request got through, the service is asked by the token, or given
the same token again.

A job operator is a sensor: its first poke starts the job, the others look at it, and no slot is held meanwhile. So there is one
way to wait, and no second mode to keep in step with it.
"""

import contextlib
import uuid
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from penstock.author.sensor import PokeResult, Sensor
from penstock.errors import ErrorKind, FailTask, ProviderError, SupersededError, as_sentence
from penstock.model.names import JOB, LEFT_JOB

if TYPE_CHECKING:
    from datetime import timedelta

    from penstock.author.run.context import Context

__all__ = ["ExternalJob", "Failed", "JobStatus", "Running", "Succeeded"]

CANCEL_ATTEMPTS = 3
_PASSING = frozenset({ErrorKind.TRANSIENT, ErrorKind.THROTTLED, ErrorKind.TIMEOUT})
"""Failures of a request that are waited out: the job does not end with them, and neither does the try."""
_UNCLEAR = frozenset({*_PASSING, ErrorKind.CONFLICT})
"""Answers to a request for a job after which there may be one."""


class Running(NamedTuple):
    """The job has not ended."""


class Succeeded(NamedTuple):
    """The job has ended well; the value is what the task leaves for others."""

    value: Any = None


class Failed(NamedTuple):
    """The job has ended, and not well.

    Attributes:
        reason: Why, as one sentence without its full stop.
        kind: Whether a new job may do better: of the kinds that are not `retryable` the task fails at once.
    """

    reason: str
    kind: ErrorKind = ErrorKind.JOB_FAILED


JobStatus = Running | Succeeded | Failed


class JobRecord(NamedTuple):
    """What is stored of a job.

    Attributes:
        token: What the service knows it by; "" before the first intent, and after a request that was refused.
        id: The service's name of it; "" as long as that is not known.
        failed_try: The try that saw it fail; 0 for none. The next try asks for a new job.
    """

    token: str = ""
    id: str = ""
    failed_try: int = 0


class ExternalJob(Sensor):
    """A task that starts a job in a service and waits for its end, without holding a slot.

    A subclass names its `service`, has `submit`, `look` and `cancel`, and, where the service takes no token by which it
    recognises a repeated request, `find`. They are called in a thread, may block for seconds, and raise
    `penstock.errors.ProviderError`: what is transient, throttled or timed out is tried again after ``poke_interval``, any
    other kind ends the try.

    The job is cancelled if its task is cancelled, cleared, marked or out of time, and if its last try fails over something
    else than the job. It is left alone if Penstock stops or a try is lost: the next try goes on with it. A job that failed is
    followed by a new one in the next try.

    Args:
        wait_for_completion: Whether the task waits for the job; if not, it ends once the job is started, with the job's id.
        cancel_on_kill: Whether the job is cancelled when the task is ended from outside.
        poke_interval: Time between two looks at the job, as timedelta or seconds.
        timeout: From the first poke of a try, until the job is given up; so is it by ``execution_timeout``.
        **kwargs: What every sensor takes.

    Attributes:
        service: The service's name, for messages.
    """

    _OVERRIDABLE: ClassVar[frozenset[str]] = frozenset({"submit", "find", "look", "cancel", "on_kill"})
    is_job: ClassVar[bool] = True
    service: ClassVar[str] = "the service"

    def __init__(
        self,
        *,
        wait_for_completion: bool = True,
        cancel_on_kill: bool = True,
        poke_interval: "timedelta | float" = 10.0,
        timeout: "timedelta | float" = 604800.0,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(poke_interval=poke_interval, timeout=timeout, **kwargs)
        self.wait_for_completion, self.cancel_on_kill = wait_for_completion, cancel_on_kill
        self._job: JobRecord | None = None
        self._in_doubt = self._sought = False
        self._reported = ""

    # What a subclass does.

    def submit(self, token: str) -> str:
        """Ask the service for the job; return its id.

        Args:
            token: ``penstock-`` and 32 hexadecimal digits: the idempotency token of the request, or the job's name.

        Raises:
            ProviderError: It was refused, or it is not known whether it was.
        """
        raise NotImplementedError(f"{type(self).__name__} has no submit()")

    def find(self, token: str) -> str | None:  # noqa: ARG002 - for subclasses
        """The id of the job that an earlier `submit` with this token has started, None if there is none.

        Without it, `submit` is called again with the same token, and must give the same job.
        """
        return None

    def look(self, job_id: str) -> JobStatus:
        """How the job is; raises ProviderError."""
        raise NotImplementedError(f"{type(self).__name__} has no look()")

    def cancel(self, job_id: str) -> None:
        """Have the job end; for one that has ended, do nothing. Raises ProviderError."""
        raise NotImplementedError(f"{type(self).__name__} has no cancel()")

    # What the base does.

    def poke(self, context: "Context") -> bool | PokeResult:
        """Start the job, or look at it."""
        try:
            return self._advanced(context)
        except SupersededError:
            raise
        except Exception as error:
            job = self._job
            if job is not None and job.id and not job.failed_try and self.cancel_on_kill and _is_last(context, error):
                self._stop(job.id)
            raise

    def poke_key(self) -> str | None:
        """None: each task has a job of its own."""
        return None

    def on_kill(self) -> None:
        """Cancel the job, unless another try has taken it over."""
        if not self.cancel_on_kill:
            return
        from penstock.author.run.context import current_context  # noqa: PLC0415 - what runs the task has it

        context = current_context.get()
        if context is None:
            return  # it has not begun, and an earlier try's job is the next one's
        try:
            stored = context.runtime.checkpoint(JOB)
        except SupersededError:
            self.log.info("This try was given up, and its job is another one's now.")
            return
        job = self._job or JobRecord(**(stored or {}))
        if job.failed_try:
            return
        self._in_doubt = self._in_doubt or self._job is None
        if job_id := self._identified(job):
            self._stop(job_id)
            # Of a try that ran out of time, the next one is to have a job of its own.
            with contextlib.suppress(SupersededError):
                self._kept(context, job._replace(id=job_id, failed_try=context.facts.try_number))

    def _advanced(self, context: "Context") -> bool | PokeResult:
        if self._job is None and not self._taken_up(context):
            return False
        job = self._job or JobRecord()
        if job.failed_try and job.failed_try != context.facts.try_number:
            job = JobRecord()
        if not job.token:
            # It is no function of the task's names: another installation may have the same ones in the same account.
            job = self._kept(context, job._replace(token=f"penstock-{uuid.uuid4().hex}", failed_try=0))
        if not job.id:
            started = self._started(context, job)
            if started is None:
                return False
            job = started
        return self._looked(context, job) if self.wait_for_completion else PokeResult(True, job.id)

    def _taken_up(self, context: "Context") -> bool:
        """Take up what earlier tries have left; False as long as a job from before a clear still runs."""
        stored = context.runtime.checkpoint(JOB)
        if stored is None and (left := context.runtime.checkpoint(LEFT_JOB)) is not None:
            if self.cancel_on_kill and self.wait_for_completion and not self._left_ended(JobRecord(**left)):
                return False
            context.runtime.set_checkpoint(LEFT_JOB, None)
        self._job = JobRecord(**(stored or {}))
        self._in_doubt = bool(self._job.token and not self._job.id)
        if self._job.id:
            self.log.info("Goes on with %s, job %s.", self.service, self._job.id)
        return True

    def _left_ended(self, left: JobRecord) -> bool:
        """Whether the job from before a clear has ended; if not, it is told to."""
        if left.failed_try:
            return True
        self._in_doubt = True
        try:
            job_id = self._identified(left)
            if not job_id or not isinstance(self.look(job_id), Running):
                return True
            self.log.info("The task was cleared while %s ran its job %s: cancels it.", self.service, job_id)
            self.cancel(job_id)
        except ProviderError as error:
            if error.kind in _PASSING:
                self._report_wait(error, "Looks")
                return False
            if error.kind not in (ErrorKind.NOT_FOUND, ErrorKind.INVALID):
                raise
            return True  # the service knows it no more
        return False

    def _started(self, context: "Context", job: JobRecord) -> JobRecord | None:
        """Have the job started, once; None if that is not certain yet."""
        try:
            found = self.find(job.token) if self._in_doubt else None
            if found is None and self._in_doubt and self._finds and not self._sought:
                # A service may show a job only some time after it took the request.
                self._sought = True
                return None
            self._in_doubt, self._sought = True, False
            job_id: object = found or self.submit(job.token)
        except ProviderError as error:
            if error.kind in _PASSING:
                self._report_wait(error, "Tries")
                return None
            if error.kind not in _UNCLEAR:
                self._in_doubt = False
                self._kept(context, job._replace(token=""))
            raise
        if not isinstance(job_id, str) or not job_id:
            raise FailTask(f"{type(self).__name__}.submit() and find() give the job's id as text, not {job_id!r:.200}.")
        try:
            started = self._kept(context, job._replace(id=job_id))
        except SupersededError:
            # Cleared, cancelled or given up while the request was on its way: nobody else will know of this job.
            if self.cancel_on_kill:
                self._stop(job_id)
            raise
        self._in_doubt = False
        self.log.info("%s has job %s.", self.service, job_id)
        return started

    def _report_wait(self, error: ProviderError, what: str) -> None:
        """Tell what is waited for, once for as long as it is the same: a service may be away for hours."""
        words = f"{as_sentence(error)} {what} again after the poke_interval."
        if words != self._reported:
            self.log.warning("%s", words)
        self._reported = words

    def _looked(self, context: "Context", job: JobRecord) -> bool | PokeResult:
        try:
            status = self.look(job.id)
        except ProviderError as error:
            if error.kind not in _PASSING:
                raise
            self._report_wait(error, "Looks")
            return False
        self._reported = ""
        if isinstance(status, Succeeded):
            return PokeResult(True, status.value)
        if isinstance(status, Failed):
            self._kept(context, job._replace(failed_try=context.facts.try_number))
            raise ProviderError(
                status.reason, service=self.service, operation=f"job {job.id}", kind=ErrorKind(status.kind)
            )
        if not isinstance(status, Running):
            raise FailTask(f"{type(self).__name__}.look() gives Running, Succeeded or Failed, not {status!r:.200}.")
        return False

    @property
    def _finds(self) -> bool:
        return type(self).find is not ExternalJob.find

    def _identified(self, job: JobRecord) -> str:
        """The id of a job; "" if there is none."""
        if job.id or not job.token or not self._in_doubt:
            return job.id
        # Without `find`, only the same request once more tells which job the token has.
        return (self.find(job.token) if self._finds else self.submit(job.token)) or ""

    def _kept(self, context: "Context", job: JobRecord) -> JobRecord:
        context.runtime.set_checkpoint(JOB, job._asdict())
        self._job = job
        return job

    def _stop(self, job_id: str) -> None:
        for attempt in range(CANCEL_ATTEMPTS):
            try:
                self.cancel(job_id)
            except Exception as error:  # noqa: BLE001 - the try ends in any case; the job is told to people
                passing = isinstance(error, ProviderError) and error.kind in _PASSING
                if not passing or attempt == CANCEL_ATTEMPTS - 1:
                    self.log.error("%s, job %s could not be cancelled: %s End it by hand.", self.service, job_id, error)  # noqa: TRY400 - the service's words say enough
                    return
            else:
                self.log.info("Cancelled %s, job %s.", self.service, job_id)
                return


def _is_last(context: "Context", error: Exception) -> bool:
    """Whether no further try follows one that ended with this error."""
    from penstock.author.run.failed import failed  # noqa: PLC0415 - only a try that fails needs msgspec

    return not failed(error).retryable or context.facts.try_number > context.facts.max_tries
