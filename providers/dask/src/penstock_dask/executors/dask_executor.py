"""The executor: hands each ticket to a Dask cluster as a task that runs the ticket's process."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from penstock.errors import ConfigError
from penstock.spec.fields import read_fields
from penstock.spec.remote import Refused, RemoteContext, RemoteExecutor, Ticket
from penstock_dask.connections import DaskFields, certificate_problems
from penstock_dask.executors.ticket_run import NEEDS, RUN, TicketEnd, end_tickets, packed
from penstock_dask.hooks.clients import check_installed
from penstock_dask.hooks.dask_cluster import Cluster, ClusterWorker, DaskTask

_WAITING = frozenset({"waiting", "no-worker", "queued"})
_FIRST_SIGNAL = 128
_LONGEST = 300
_OF_CONNECTION = frozenset({"address", "tls_ca", "tls_cert", "tls_key"})
_CONFIG = {"resources": dict, "workers": list}


@dataclass(frozen=True)
class DaskOptions:
    """The executor's options, as the manifest says them."""

    address: str
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    command: tuple[str, ...] = ()
    cpu_resource: str = "CPU"
    memory_resource: str = "MEMORY"
    queues: Mapping[str, Mapping[str, float]] | None = None
    connect_timeout_s: float = 5.0


class DaskExecutor(RemoteExecutor):
    """Runs each try in a process beside a Dask worker; the try's ticket is the key of a task of the cluster.

    Args:
        context: What the scheduler makes it with.

    Raises:
        ConfigError: The options are wrong.
    """

    connection_types: ClassVar[tuple[str, ...]] = ("dask",)

    def __init__(self, context: RemoteContext) -> None:
        super().__init__(context)
        self._options = _read(context)
        certificates = (self._options.tls_ca, self._options.tls_cert, self._options.tls_key)
        self._cluster = Cluster(self._options.address, certificates, self._options.connect_timeout_s, NEEDS)
        self._failed: set[str] = set()
        self._bound: set[str] = set()

    def start(self) -> None:
        """See that the SDK is there."""
        check_installed()

    def ring(self, tickets: Sequence[Ticket]) -> Sequence[Refused]:
        """Submit a task for each ticket, under its name; one that is there already is left as it is."""
        workers = self._cluster.workers()
        refused = [Refused(each.name, problem) for each in tickets if (problem := _problem(each))]
        wrong = {each.name for each in refused}
        tasks = []
        for each in tickets:
            if each.name in wrong:
                continue
            task = self._submission(each, workers)
            fit, problem = _fit_for(task, workers)
            if problem and not fit:
                self._failed.add(each.name)
                self.context.waiting(each.name, problem)
                continue
            self._failed.discard(each.name)
            if problem:  # it must not go to the others
                self._bound.add(each.name)
                task = task._replace(workers=fit)
            tasks.append(task)
        self._cluster.submit(tasks, self._took)
        return refused

    def silence(self, tickets: Sequence[Ticket], reason: str) -> None:  # noqa: ARG002 - the cluster needs no reason
        """Cancel tasks, and end the processes of those that run."""
        self._cluster.take_back(end_tickets, [each.name for each in tickets])
        self._drop(tickets)

    def release(self, tickets: Sequence[Ticket]) -> None:
        """Let the cluster forget tasks."""
        self._cluster.forget([each.name for each in tickets])
        self._drop(tickets)

    def look(self, tickets: Sequence[Ticket]) -> None:
        """Tell why those wait that do.

        Of a task that the cluster does not know nothing follows: its process may run on, as on a worker that has lost this scheduler. Is it
        gone, its worker is not heard of any more; has nobody claimed its ticket, that is rung again.
        """
        states = self._cluster.states([each.name for each in tickets])
        if not states:
            return
        workers, running = self._cluster.workers(), sum(map(len, self._cluster.keys_by_worker().values()))
        for each in tickets:
            state = states.get(each.name, "")
            # Those workers that it was bound to are gone: it is submitted anew.
            if state == "no-worker" and each.name in self._bound:
                self._cluster.take_back(end_tickets, [each.name])
                self._bound.discard(each.name)
            if each.name not in self._failed:
                self.context.waiting(each.name, self._note(each, state, workers, running))

    def slots(self) -> int:
        """The threads of the cluster, and as many tries ahead."""
        return max(1, 2 * _threads(self._cluster.workers()))

    def stop(self) -> None:
        """Close the line to the cluster; its tasks go on."""
        self._cluster.close()

    def _note(self, ticket: Ticket, state: str, workers: Sequence[ClusterWorker], tasks: int) -> str:
        """What a ticket waits for that nobody has claimed; "" for nothing that is known."""
        threads = _threads(workers)
        if state in _WAITING and not threads:
            return "the Dask cluster has no worker"
        if state == "no-worker":
            wanted = self._submission(ticket, workers).resources
            asked = ", ".join(f"{name} {amount:g}" for name, amount in wanted.items())
            return f"no Dask worker has what it takes: {asked or 'there is no suitable worker'}"
        if state in _WAITING or (state == "processing" and tasks > threads):
            return f"the Dask cluster is full: its workers have {threads} threads and {tasks} tasks"
        return ""

    def _took(self, name: str, found: object) -> None:
        """Note how a task ended; called in a thread of the client."""
        if isinstance(found, TicketEnd) and found.code >= _FIRST_SIGNAL:
            self.context.gone(
                name, f"its process on the Dask worker ended with {found.code}: {_last_line(found.output)}"
            )
        elif isinstance(found, TicketEnd) and found.code == 0:  # it has told an end, or the ticket was another one's
            return
        else:  # it could not begin, as without the server: the bell is rung for it again
            self._failed.add(name)
            self.context.waiting(name, _why_not_begun(found))

    def _drop(self, tickets: Sequence[Ticket]) -> None:
        names = {each.name for each in tickets}
        self._failed -= names
        self._bound -= names

    def _submission(self, ticket: Ticket, workers: Sequence[ClusterWorker]) -> DaskTask:
        options, config = self._options, ticket.executor_config.get("dask") or {}
        there = {name for each in workers for name in each.resources}
        wanted = {
            name: amount
            for name, amount in ((options.cpu_resource, ticket.cpu), (options.memory_resource, ticket.memory_bytes))
            if amount and name in there
        }
        wanted |= (options.queues or {}).get(ticket.queue, {})
        wanted |= config.get("resources", {})
        environ = {"PENSTOCK_TICKET": ticket.secret}
        if self.context.server:
            environ["PENSTOCK_SERVER"] = self.context.server
        variables = {"packed": packed(ticket.name, environ, options.command)}
        return DaskTask(ticket.name, RUN, variables, dict(wanted), config.get("workers", ()))


def _threads(workers: Sequence[ClusterWorker]) -> int:
    return sum(each.threads for each in workers)


def _fit_for(task: DaskTask, workers: Sequence[ClusterWorker]) -> tuple[list[str], str]:
    """The workers to which a task can be sent, and why it cannot be to others to which it could go; "" if there are none of these."""
    suited = [
        each
        for each in workers
        if all(each.resources.get(name, 0) >= amount for name, amount in task.resources.items())
        and (not task.workers or each.address in task.workers)
    ]
    unfit = [each for each in suited if each.problem]
    problem = f"Dask worker {unfit[0].address} cannot run tries: {unfit[0].problem}" if unfit else ""
    return [each.address for each in suited if not each.problem], problem


def _why_not_begun(found: object) -> str:
    if isinstance(found, TicketEnd):
        return f"its process on the Dask worker ended with {found.code}: {_last_line(found.output)}"
    text = " ".join(str(found).split())[:_LONGEST]
    if isinstance(found, ImportError | AttributeError):
        return (
            f"a Dask worker cannot run it: {text}. Each worker of the cluster needs penstock-core and penstock-providers-dask, as new as "
            "those here"
        )
    return f"its Dask task failed: {type(found).__name__}: {text}"


def _last_line(output: str) -> str:
    return next((line for line in reversed(output.splitlines()) if line.strip()), "it printed nothing")


def _problem(ticket: Ticket) -> str:
    """Say what is wrong with what a task tells this executor; "" if nothing is."""
    config = ticket.executor_config.get("dask")
    if config is None:
        return ""
    if not isinstance(config, dict):
        return f"executor_config: dask is {config!r:.100}; write a dict with resources or workers."
    for name, value in config.items():
        if name not in _CONFIG or not isinstance(value, _CONFIG[name]):
            return f"executor_config: dask takes resources, a dict, and workers, a list; it has {name!r} as {value!r:.100}."
    wrong = [name for name, amount in config.get("resources", {}).items() if not isinstance(amount, int | float)]
    return f"executor_config: the Dask resource {wrong[0]!r} is to be a number." if wrong else ""


def _read(context: RemoteContext) -> DaskOptions:
    place, given = f"[executors.{context.name}]", dict(context.options)
    known = DaskOptions.__dataclass_fields__
    unknown = sorted(given.keys() - known.keys())
    if unknown:
        raise ConfigError(f"{place}: there is no option {unknown[0]!r}; it takes {', '.join(known)}.")
    given = _connected(context, given)
    address: Any = given.get("address")
    if not isinstance(address, str) or not address.startswith(("tcp://", "tls://")):
        raise ConfigError(
            f"{place}: address is {address!r}; write one such as tcp://scheduler:8786 or tls://scheduler:8786, or name a "
            "connection of type dask by conn_id. An address of inproc:// is reached from its own process alone."
        )
    options = DaskOptions(**{**given, "command": tuple(given.get("command", ()))})
    for problem in _option_problems(options):
        raise ConfigError(f"{place}: {problem}.")
    return options


def _option_problems(options: DaskOptions) -> Iterator[str]:
    yield from certificate_problems(options.tls_ca, options.tls_cert, options.tls_key)
    if options.address.startswith("tls://") != bool(options.tls_ca):
        yield "tls_ca, tls_cert and tls_key are for an address that begins with tls://, which needs them"
    if not _has_port(options.address):
        yield f"address is {options.address!r}, without a host or a port; write one such as tcp://scheduler:8786"
    if options.connect_timeout_s <= 0:
        yield "connect_timeout_s must be greater than 0"
    if any(amount < 0 for wanted in (options.queues or {}).values() for amount in wanted.values()):
        yield "queues: what a queue takes of a resource must be 0 or more"


def _connected(context: RemoteContext, given: dict[str, Any]) -> dict[str, Any]:
    """The options with what the connection says that they name, if they name one."""
    if context.connection is None:
        return given
    if twice := sorted(given.keys() & _OF_CONNECTION):
        raise ConfigError(f"[executors.{context.name}]: {' and '.join(twice)} and conn_id exclude each other.")
    fields = read_fields(context.connection, DaskFields)
    found = {"address": fields.address, "tls_ca": fields.tls_ca, "tls_cert": fields.tls_cert, "tls_key": fields.tls_key}
    return {"connect_timeout_s": fields.connect_timeout_s, **given, **found}


def _has_port(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.hostname and parts.port)
    except ValueError:
        return False
