"""A job elsewhere is started once, waited for without a slot, gone on with, and ended when its task is."""

from datetime import UTC, datetime, timedelta

import pytest

from penstock import DAG
from penstock.author.build.build import build_dag
from penstock.author.run.execution import prepare
from penstock.errors import ErrorKind, ProviderError, SupersededError
from penstock.model.attempt import TryFacts, TryInputs
from penstock.model.names import JOB, LEFT_JOB
from penstock.spec.external_job import ExternalJob, Failed, Running, Succeeded
from penstock.testing import FakeClock, run_dag
from penstock.testing.fake_runtime import FakeRuntime


class JobService:
    """A service in memory, strict: what it was not asked for in the right order is an error.

    Attributes:
        jobs: By id: token and state.
        fails: What the next calls of an operation raise, after they had their effect if it is ``after``.
    """

    def __init__(self, *, takes_tokens=True):
        self.takes_tokens, self.jobs, self.calls = takes_tokens, {}, []
        self.fails = []

    def submit(self, token):
        self._called("submit", "before")
        for job_id, (known, _) in self.jobs.items():
            if known == token:
                assert self.takes_tokens, f"a second job for {token}"
                self._called("", "after")
                return job_id
        job_id = f"job-{len(self.jobs) + 1}"
        self.jobs[job_id] = (token, Running())
        self._called("", "after")
        return job_id

    def find(self, token):
        self._called("find", "before")
        return next((job_id for job_id, (known, _) in self.jobs.items() if known == token), None)

    def look(self, job_id):
        self._called("look", "before")
        return self.jobs[job_id][1]

    def cancel(self, job_id):
        self._called("cancel", "before")
        self.end(job_id, Failed("it was cancelled"))

    def end(self, job_id, status):
        self.jobs[job_id] = (self.jobs[job_id][0], status)

    def fail(self, kind, when="before", operation="submit"):
        self.fails.append((operation, when, kind))

    def _called(self, operation, when):
        self.operation = operation or self.operation
        if when == "before":
            self.calls.append(operation)
        if self.fails and self.fails[0][:2] == (self.operation, when):
            kind = self.fails.pop(0)[2]
            if isinstance(kind, ErrorKind):
                raise ProviderError("it hiccups", service="jobs", operation=self.operation, kind=kind)
            raise kind


class Job(ExternalJob):
    service = "the job service"

    def __init__(self, *, at, **kwargs):
        super().__init__(**kwargs)
        self.at = at

    def submit(self, token):
        return self.at.submit(token)

    def look(self, job_id):
        return self.at.look(job_id)

    def cancel(self, job_id):
        self.at.cancel(job_id)


class FoundJob(Job):
    def find(self, token):
        return self.at.find(token)


class Superseding(FakeRuntime):
    """The runtime of a try that may be over."""

    over = False

    def checkpoint(self, key):
        if self.over:
            raise SupersededError("the try is over")
        return super().checkpoint(key)

    def set_checkpoint(self, key, value):
        if self.over:
            raise SupersededError("the try is over")
        super().set_checkpoint(key, value)


@pytest.fixture
def runtime():
    return Superseding()


@pytest.fixture(params=[Job, FoundJob])
def service(request):
    made = JobService(takes_tokens=request.param is Job)
    made.operator = request.param
    return made


def a_try(service, runtime, number=1, max_tries=3, **given):
    """The task as a process has it that has just begun to wait for it."""
    return prepare(
        service.operator(task_id="job", at=service, **given),
        TryFacts("d", "r", "job", try_number=number, max_tries=max_tries),
        TryInputs(),
        runtime,
    )


def poke(prepared):
    with prepared.active():
        return prepared.poked(prepared.poke())


def submits(service):
    return service.calls.count("submit")


def test_the_first_poke_starts_the_job_and_the_others_look_at_it(service, runtime):
    prepared = a_try(service, runtime)
    assert [poke(prepared) for _ in range(3)] == [None] * 3
    assert service.calls == ["submit", "look", "look", "look"]
    service.end("job-1", Succeeded({"rows": 7}))
    assert poke(prepared).xcoms["return_value"].json == b'{"rows":7}'


def test_another_process_goes_on_with_the_job(service, runtime):
    poke(a_try(service, runtime))
    service.end("job-1", Succeeded())
    assert poke(a_try(service, runtime)).outcome == "success"
    assert (submits(service), len(service.jobs)) == (1, 1)


def test_a_process_that_died_before_its_request_is_followed_by_one_that_makes_it(service, runtime):
    service.fails = [("submit", "before", KeyboardInterrupt())]
    with pytest.raises(KeyboardInterrupt):
        poke(a_try(service, runtime))
    following = a_try(service, runtime)
    poke(following)
    poke(following)
    assert len(service.jobs) == 1
    assert runtime.checkpoints[JOB]["id"] == "job-1"


def test_a_process_that_died_before_it_heard_the_answer_is_followed_by_one_that_finds_the_job(service, runtime):
    service.fails = [("submit", "after", KeyboardInterrupt())]
    with pytest.raises(KeyboardInterrupt):
        poke(a_try(service, runtime))
    assert poke(a_try(service, runtime)) is None
    assert (len(service.jobs), runtime.checkpoints[JOB]["id"]) == (1, "job-1")


@pytest.mark.parametrize("kind", [ErrorKind.TRANSIENT, ErrorKind.THROTTLED, ErrorKind.TIMEOUT])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_request_that_may_have_got_through_is_made_again_by_its_token_and_starts_no_second_job(
    service, runtime, kind, when
):
    service.fail(kind, when)
    prepared = a_try(service, runtime)
    for _ in range(4):
        assert poke(prepared) is None
    assert len(service.jobs) == 1


def test_a_service_that_shows_its_jobs_late_is_asked_twice_before_a_new_request(runtime):
    service = JobService(takes_tokens=False)
    service.operator = FoundJob
    service.fail(ErrorKind.TIMEOUT, "after")
    prepared = a_try(service, runtime)
    poke(prepared)
    shown, service.jobs = service.jobs, {}
    poke(prepared)
    service.jobs = shown
    poke(prepared)
    assert (submits(service), len(service.jobs), runtime.checkpoints[JOB]["id"]) == (1, 1, "job-1")


def test_a_request_that_was_refused_ends_the_try_and_leaves_nothing_to_look_for(service, runtime):
    service.fail(ErrorKind.PERMISSION)
    with pytest.raises(ProviderError):
        poke(a_try(service, runtime))
    assert runtime.checkpoints[JOB]["token"] == ""


def test_a_look_that_fails_in_passing_is_made_again(service, runtime):
    prepared = a_try(service, runtime)
    for kind in (ErrorKind.TRANSIENT, ErrorKind.TIMEOUT, ErrorKind.THROTTLED):
        service.fail(kind, operation="look")
        assert poke(prepared) is None
    service.end("job-1", Succeeded())
    assert poke(prepared).outcome == "success"


def test_a_service_that_is_away_for_long_is_reported_once(service, runtime, caplog):
    """A line for each look: some hundred kilobytes an hour."""
    prepared = a_try(service, runtime)
    for _ in range(2):
        poke(prepared)
        for _ in range(3):
            service.fail(ErrorKind.TRANSIENT, operation="look")
            assert poke(prepared) is None
    told = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert told == ["jobs look: it hiccups. Looks again after the poke_interval."] * 2


def test_a_job_that_failed_is_followed_by_a_new_one_in_the_next_try_and_by_none_in_the_same(service, runtime):
    prepared = a_try(service, runtime)
    poke(prepared)
    service.end("job-1", Failed("exit code 3"))
    with pytest.raises(ProviderError, match="the job service job job-1: exit code 3"):
        poke(prepared)
    with pytest.raises(ProviderError, match="exit code 3"):
        poke(a_try(service, runtime))  # the answer of the first was lost
    poke(a_try(service, runtime, number=2))
    assert len({token for token, _ in service.jobs.values()}) == 2
    assert runtime.checkpoints[JOB]["id"] == "job-2"


@pytest.mark.parametrize(("kind", "retried"), [(ErrorKind.JOB_FAILED, True), (ErrorKind.INVALID, False)])
def test_the_kind_of_a_failure_says_whether_the_task_is_tried_again(kind, retried):
    service = JobService()
    service.look = lambda job_id: Failed("it did not work", kind)
    with DAG("d") as dag:
        Job(task_id="job", at=service, retries=1, retry_delay=1)
    result = run_dag(dag)
    assert (result.state, result.tasks["job"].tries, submits(service)) == ("failed", 1 + retried, 1 + retried)


def test_a_killed_task_cancels_its_job(service, runtime):
    prepared = a_try(service, runtime)
    poke(prepared)
    prepared.killed()
    assert service.jobs["job-1"][1] == Failed("it was cancelled")


def test_a_task_that_is_killed_before_its_first_poke_cancels_the_job_of_the_try_before(service, runtime):
    poke(a_try(service, runtime))
    a_try(service, runtime).killed()
    assert service.calls[-1] == "cancel"


def test_a_task_that_is_killed_while_its_request_is_unclear_cancels_what_the_request_has_started(service, runtime):
    service.fail(ErrorKind.TIMEOUT, "after")
    prepared = a_try(service, runtime)
    poke(prepared)
    prepared.killed()
    assert [status for _, status in service.jobs.values()] == [Failed("it was cancelled")]


def test_a_try_that_was_given_up_leaves_the_job_to_the_next(service, runtime):
    prepared = a_try(service, runtime)
    poke(prepared)
    runtime.over = True
    prepared.killed()
    assert "cancel" not in service.calls


def test_a_job_that_starts_when_its_task_is_over_already_is_cancelled(service, runtime):
    prepared = a_try(service, runtime)
    submit = service.submit

    def slow(token):
        runtime.over = True
        return submit(token)

    service.submit = slow
    with pytest.raises(SupersededError):
        poke(prepared)
    assert service.jobs["job-1"][1] == Failed("it was cancelled")


def test_a_cancel_that_fails_in_passing_is_made_again_and_one_that_is_refused_is_told(service, runtime, caplog):
    prepared = a_try(service, runtime)
    poke(prepared)
    service.fail(ErrorKind.TRANSIENT, operation="cancel")
    prepared.killed()
    assert service.jobs["job-1"][1] == Failed("it was cancelled")
    other = a_try(service, runtime, number=2)
    poke(other)
    service.fail(ErrorKind.PERMISSION, operation="cancel")
    other.killed()
    assert "job-2 could not be cancelled" in caplog.text


def test_the_last_try_that_fails_over_something_else_than_the_job_cancels_it(service, runtime):
    for number, cancelled in ((1, False), (4, True)):
        prepared = a_try(service, runtime, number=number)
        service.fails = []
        poke(prepared)
        service.fails = [("look", "before", ValueError("a bug"))]
        with pytest.raises(ValueError, match="a bug"):
            poke(prepared)
        assert ("cancel" in service.calls) is cancelled


def test_a_task_out_of_time_cancels_its_job_and_the_next_try_has_its_own():
    service = JobService()
    with DAG("d") as dag:
        Job(task_id="job", at=service, retries=1, retry_delay=1, poke_interval=10, execution_timeout=100)
    result = run_dag(dag)
    assert (result.state, result.tasks["job"].tries, len(service.jobs)) == ("failed", 2, 2)
    assert {status for _, status in service.jobs.values()} == {Failed("it was cancelled")}
    assert "waited 100 s and gave up: its job had not ended" in result.tasks["job"].errors[0]


def test_a_cleared_task_waits_for_the_end_of_the_job_from_before_and_starts_its_own(service, runtime):
    poke(a_try(service, runtime))
    runtime.checkpoints[LEFT_JOB] = runtime.checkpoints.pop(JOB)
    prepared = a_try(service, runtime)
    poke(prepared)
    assert (service.calls[-1], list(service.jobs)) == ("cancel", ["job-1"])
    poke(prepared)
    assert list(service.jobs) == ["job-1", "job-2"]
    assert set(runtime.checkpoints) == {JOB}


def test_a_job_from_before_a_clear_that_has_ended_is_left_alone(service, runtime):
    poke(a_try(service, runtime))
    runtime.checkpoints[LEFT_JOB] = runtime.checkpoints.pop(JOB)
    service.end("job-1", Succeeded())
    poke(a_try(service, runtime))
    assert (list(service.jobs), "cancel" in service.calls) == (["job-1", "job-2"], False)


def test_a_task_need_not_wait_for_its_job(service, runtime):
    end = poke(a_try(service, runtime, wait_for_completion=False))
    assert (end.xcoms["return_value"].json, service.calls) == (b'"job-1"', ["submit"])


def test_a_job_may_outlive_its_task(service, runtime):
    prepared = a_try(service, runtime, cancel_on_kill=False)
    poke(prepared)
    prepared.killed()
    assert "cancel" not in service.calls


@pytest.mark.parametrize(("method", "answer", "told"), [("submit", 7, "as text, not 7"), ("look", None, "not None")])
def test_a_service_that_answers_with_something_else_fails_its_task(service, runtime, method, answer, told):
    setattr(service, method, lambda _: answer)
    with pytest.raises(Exception, match=told):
        poke(a_try(service, runtime))


def test_an_execution_timeout_bounds_the_wait_mapped_or_not():
    with DAG("d") as dag:
        Job(task_id="one", at=None, execution_timeout=timedelta(minutes=5))
        Job.partial(task_id="many", execution_timeout=60).expand(at=[1, 2])
        Job.partial(task_id="usual").expand(at=[1, 2])
    policies = {task.task_id: task.sensor for task in build_dag(dag).tasks}
    assert {name: (each.poke_interval_s, each.timeout_s) for name, each in policies.items()} == {
        "one": (10.0, 300.0),
        "many": (10.0, 60.0),
        "usual": (10.0, 604800.0),
    }


def test_an_interrupted_run_in_one_process_cancels_its_jobs():
    service = JobService()
    service.look = lambda job_id: Running()

    class Interrupted(FakeClock):
        def sleep_until(self, moment):
            raise KeyboardInterrupt

    with DAG("d") as dag:
        Job(task_id="job", at=service)
    with pytest.raises(KeyboardInterrupt):
        run_dag(dag, clock=Interrupted(datetime(2026, 1, 1, tzinfo=UTC)))
    assert service.jobs["job-1"][1] == Failed("it was cancelled")


def test_one_that_has_not_begun_may_be_killed():
    service = JobService()
    Job(task_id="t", at=service).on_kill()

    assert service.calls == []
