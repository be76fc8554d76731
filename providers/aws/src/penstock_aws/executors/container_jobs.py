"""What both executors share: a container for each ticket, started once, looked at in batches, and told of when it is gone.

A ticket's secret goes to its container by an environment variable, as neither service takes another way for one container: whoever may
describe tasks or jobs can read it. It opens one try, until that is claimed or over, and nothing else (ADR 75).
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, TypeVar

from penstock.errors import ConfigError, ErrorKind, ProviderError
from penstock.spec.fields import Connection
from penstock.spec.remote import Refused, RemoteContext, RemoteExecutor, Ticket

COMMAND = ("penstock", "worker", "--ticket")
OUT_OF_MEMORY = "OutOfMemoryError"
"""How the reason of a container begins that was killed for its memory: "Stopped task error codes" of the ECS developer guide."""
_MOST_FOUND = 20
_FIRST_SIGNAL = 128
_PASSING = frozenset({ErrorKind.THROTTLED, ErrorKind.QUOTA_EXHAUSTED})
_SLOTS = 100
_MIB = 1 << 20
_EXTRAS = ("region_name", "endpoint_url", "role_arn", "profile_name")
# By units of processor (1024 each), the mebibytes that AWS Fargate has for it: "Task CPU and memory" of the ECS developer guide.
_FARGATE: Mapping[int, Sequence[int]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}
Options = TypeVar("Options")


@dataclass(frozen=True, kw_only=True)
class AwsOptions:
    """The options of both executors.

    Attributes:
        command: What a container runs.
        region_name, endpoint_url, role_arn, profile_name: As in a connection to AWS.
    """

    command: Sequence[str] = COMMAND
    region_name: str = ""
    endpoint_url: str = ""
    role_arn: str = ""
    profile_name: str = ""


class JobState(NamedTuple):
    """What a service says of a container's job.

    Attributes:
        ended: Whether it is over.
        note: How it ended, or what it waits for.
        began: Whether its container ran; one that never did is started again.
        exit_code: Of the container; None for none.
        exhausted: Whether its memory had run out.
    """

    ended: bool
    note: str = ""
    began: bool = True
    exit_code: int | None = None
    exhausted: bool = False


@dataclass
class _Job:
    job_id: str
    attempt: int = 0


class ContainerJobs(RemoteExecutor):
    """Starts a container for each ticket; a subclass knows the service.

    Args:
        context: What the scheduler makes it with.
    """

    kind: ClassVar[str]

    connection_types: ClassVar[tuple[str, ...]] = ("aws",)

    def __init__(self, context: RemoteContext) -> None:
        super().__init__(context)
        self._jobs: dict[str, _Job] = {}
        self._missing: set[str] = set()

    @abstractmethod
    def start_job(self, ticket: Ticket, attempt: int) -> str:
        """Start a container, unless this attempt of this ticket has one, and give its job's id; raises ProviderError."""

    @abstractmethod
    def states(self, job_ids: Sequence[str]) -> dict[str, JobState]:
        """What is known of jobs; one that the service does not know is missing; raises ProviderError."""

    @abstractmethod
    def find(self, ticket: Ticket) -> str:
        """The newest job of a ticket; "" for none; raises ProviderError."""

    @abstractmethod
    def end_job(self, job_id: str, reason: str) -> None:
        """Have a job end; raises ProviderError."""

    @abstractmethod
    def problem(self, config: Mapping[str, Any]) -> str:
        """What is wrong with what a task tells this executor; "" if nothing is."""

    def ring(self, tickets: Sequence[Ticket]) -> Sequence[Refused]:
        """Start a container for each ticket that has none; where there is no room, the tickets wait and are rung for again."""
        states = self._states_of(tickets)
        refused: list[Refused] = []
        for at, ticket in enumerate(tickets):
            job = self._jobs.get(ticket.name)
            if job is not None and not states.get(ticket.name, JobState(ended=False)).ended:
                continue
            config = self.config_of(ticket)
            problem = self.problem(config) if isinstance(config, dict) else f"{self.kind} is to be a dict."
            if problem:
                refused.append(Refused(ticket.name, f"executor_config: {problem}"))
                continue
            attempt = 0 if job is None else job.attempt + 1
            try:
                self._jobs[ticket.name] = _Job(self.start_job(ticket, attempt), attempt)
            except ProviderError as error:
                if error.kind in _PASSING:
                    for waiting in tickets[at:]:
                        self.context.waiting(waiting.name, f"AWS has no room for it now: {error}")
                    break
                if error.kind is not ErrorKind.INVALID or not config:
                    raise
                refused.append(Refused(ticket.name, f"AWS refuses what its executor_config says: {error}"))
        return refused

    def silence(self, tickets: Sequence[Ticket], reason: str) -> None:
        """End the containers of tickets whose tries must not run."""
        for ticket in tickets:
            job = self._jobs.get(ticket.name)
            job_id = job.job_id if job is not None else self.find(ticket)
            if job_id:
                self.end_job(job_id, reason or "its try is over")
        self.release(tickets)

    def release(self, tickets: Sequence[Ticket]) -> None:
        """Forget tickets whose tries have ended: their containers end by themselves."""
        for ticket in tickets:
            self._jobs.pop(ticket.name, None)
            self._missing.discard(ticket.name)

    def look(self, tickets: Sequence[Ticket]) -> None:
        """Tell of open tickets whose container is gone, and what others wait for."""
        unknown = [each for each in tickets if each.name not in self._jobs]
        for ticket in unknown[:_MOST_FOUND]:  # those of an earlier scheduler, some at each look
            job_id = self.find(ticket)
            if job_id:
                self._jobs[ticket.name] = _Job(job_id)
            elif ticket.name in self._missing:
                self.context.gone(ticket.name, "AWS knows no container of it")
            else:
                self._missing.add(ticket.name)
        for name, state in self._states_of(tickets).items():
            if not state.ended:
                if state.note:
                    self.context.waiting(name, state.note)
            elif state.exhausted:
                self.context.gone(name, state.note, failed=True)
            elif not state.began or (state.exit_code is not None and 0 < state.exit_code < _FIRST_SIGNAL):
                # It is rung for again, as nobody has claimed it by then; if somebody has, its lease tells.
                self.context.waiting(name, state.note)
            else:
                self.context.gone(name, state.note)

    def slots(self) -> int:
        """Containers at once."""
        return _SLOTS

    def config_of(self, ticket: Ticket) -> Any:  # noqa: ANN401 - JSON
        """What a task tells this executor."""
        return ticket.executor_config.get(self.kind) or {}

    def environ(self, ticket: Ticket) -> list[dict[str, str]]:
        """The variables of a ticket's container, as both services write them."""
        found = {"PENSTOCK_TICKET": ticket.secret}
        if self.context.server:
            found["PENSTOCK_SERVER"] = self.context.server
        return [{"name": name, "value": value} for name, value in found.items()]

    def tags(self, ticket: Ticket) -> dict[str, str]:
        """What a container is found by in bills and lists."""
        return {
            "penstock:installation": self.context.installation,
            "penstock:dag": ticket.dag_id[:256],
            "penstock:task": ticket.task_id[:256],
            "penstock:try": str(ticket.try_number),
        }

    def _states_of(self, tickets: Sequence[Ticket]) -> dict[str, JobState]:
        """What is known of the jobs of tickets, by the tickets' names."""
        names = {job.job_id: each.name for each in tickets if (job := self._jobs.get(each.name)) is not None}
        found = self.states(list(names)) if names else {}
        return {names[job_id]: state for job_id, state in found.items()}


def read_options(context: RemoteContext, made: type[Options]) -> Options:
    """The options of an executor.

    Raises:
        ConfigError: One is unknown, missing or of another type.
    """
    place, known = f"[executors.{context.name}]", {each.name: each for each in fields(made)}  # type: ignore[arg-type]  # a dataclass
    unknown = sorted(context.options.keys() - known.keys())
    if unknown:
        raise ConfigError(f"{place}: there is no option {unknown[0]!r}; it takes {', '.join(known)}.")
    try:
        return made(**context.options)
    except TypeError as error:
        missing = str(error).partition(": ")[2]
        raise ConfigError(f"{place}: it needs {missing}.") from None


def own_connection(options: AwsOptions, context: RemoteContext) -> Connection:
    """The connection that an executor's options name or make; without keys the SDK's own chain decides. Raises ConfigError for both."""
    extra = {name: getattr(options, name) for name in _EXTRAS if getattr(options, name)}
    if context.connection is not None and extra:
        raise ConfigError(f"[executors.{context.name}]: conn_id and {' and '.join(extra)} exclude each other.")
    if context.connection is not None:
        return context.connection
    return Connection("aws_executor", "aws", extra=extra)


def mebibytes(size: int) -> int:
    """Mebibytes that hold so many bytes."""
    return -(-size // _MIB)


def fargate_size(cpu: float, memory_bytes: int) -> tuple[int, int] | None:
    """The smallest size of AWS Fargate, in units of processor and mebibytes, that has as much; None if none has."""
    units, size = cpu * 1024, mebibytes(memory_bytes)
    return next(
        ((each, found) for each, sizes in _FARGATE.items() if each >= units for found in sizes if found >= size), None
    )
