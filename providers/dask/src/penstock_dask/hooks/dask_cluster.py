"""What an executor asks of a cluster: tasks by their keys, submitted once, looked at, and taken back."""

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError
from typing import Any, NamedTuple, TypeVar

from penstock_dask.hooks.clients import NoAnswerError, OpenClient, check_installed, open_client, within
from penstock_dask.hooks.fit_workers import FitWorkers

ANSWER_S = 15.0
"""Seconds within which a scheduler has to answer what it is asked on a line that stands."""
WORKER_S = 5.0
"""Seconds to wait for a worker that is to end processes."""
CLOSE_S = 3.0

T = TypeVar("T")


class DaskTask(NamedTuple):
    """A task to be.

    Attributes:
        key: Its name in the cluster: what is submitted under a key that is there is not run again.
        expression: What it evaluates, which imports what it needs.
        variables: Values of types of Python's own, by the names that the expression has for them.
        resources: The workers' resources that it takes.
        workers: Workers that may run it, by address or name; any unless given.
    """

    key: str
    expression: str
    variables: Mapping[str, object]
    resources: Mapping[str, float]
    workers: Sequence[str] = ()


class ClusterWorker(NamedTuple):
    """A worker of a cluster.

    Attributes:
        address: By which it is told from the others.
        threads: Tasks that it runs at once.
        resources: Its resources.
        problem: Why it cannot be sent tasks; "" if it can.
    """

    address: str
    threads: int
    resources: Mapping[str, float]
    problem: str = ""


class Cluster:
    """A line to a cluster, made when it is needed and anew once it is cut.

    Args:
        address: Of its scheduler.
        certificates: Paths of authority, certificate and key; empty texts for none.
        timeout_s: Seconds to wait for it.
        needs: An expression that each worker has to be able to evaluate.
    """

    def __init__(self, address: str, certificates: tuple[str, str, str], timeout_s: float, needs: str = "None") -> None:
        self._fit = FitWorkers(needs, WORKER_S)
        self._address, self._certificates, self._timeout_s = address, certificates, timeout_s
        self._made: OpenClient | None = None
        self._futures: dict[str, Any] = {}

    def submit(self, tasks: Iterable[DaskTask], ended: Callable[[str, object], None]) -> None:
        """Submit tasks; those whose key is there already are left as they are.

        Args:
            tasks: The tasks.
            ended: Called in any thread with the key of a task that has ended, and what it returned or the exception.
        """
        client = self._client()
        from distributed import fire_and_forget  # noqa: PLC0415 - as in `open_client`

        for each in tasks:
            future = client.submit(
                eval, each.expression, dict(each.variables), key=each.key, pure=False, resources=dict(each.resources) or None,
                workers=list(each.workers) or None, retries=0,
            )  # fmt: skip
            # It goes on, and keeps its key, if this process is replaced by another one.
            fire_and_forget(future)
            self._futures[each.key] = future
            future.add_done_callback(lambda done, key=each.key: self._done(key, done, ended))

    def states(self, keys: Sequence[str]) -> dict[str, str]:
        """The state of each task that the cluster knows, by key, as Dask names it."""
        found = self._ask(lambda client: client.sync(client.scheduler.get_task_status, keys=list(keys)))
        return {key: state for key, state in found.items() if state is not None}

    def keys_by_worker(self) -> dict[str, Sequence[str]]:
        """The keys that workers have, by the worker's address."""
        return dict(self._ask(lambda client: client.processing()))

    def take_back(self, function: Callable[..., Any], keys: Sequence[str]) -> None:
        """Remove tasks; where one runs, its worker calls ``function`` with the keys of those."""
        client = self._client()
        by_worker, wanted = self.keys_by_worker(), set(keys)
        from distributed import Future  # noqa: PLC0415 - as in `open_client`

        futures = [self._futures.pop(key, None) or Future(key, client) for key in keys]
        self._ask(lambda client: client.cancel(futures, force=True))
        for worker, its in by_worker.items():
            if not (has := [key for key in its if key in wanted]):
                continue
            with contextlib.suppress(Exception):  # it may be gone, or hang: what it runs is fenced by the server
                within(lambda: client.run(function, has, workers=[worker], on_error="ignore"), WORKER_S)  # noqa: B023

    def forget(self, keys: Iterable[str]) -> None:
        """Have the cluster keep nothing of tasks that have ended."""
        for key in keys:
            future = self._futures.pop(key, None)
            if future is not None:
                future.release()

    def workers(self) -> list[ClusterWorker]:
        """What workers there are."""
        found = self._ask(lambda client: client.scheduler_info(n_workers=-1))["workers"]
        problems = self._fit.problems(self._client(), {(address, str(each["id"])) for address, each in found.items()})
        return [
            ClusterWorker(address, each["nthreads"], each.get("resources", {}), problems.get(address, ""))
            for address, each in found.items()
        ]

    def close(self) -> None:
        """Let go; what was submitted goes on."""
        made, self._made, self._futures = self._made, None, {}
        if made is not None:
            with contextlib.suppress(Exception):
                within(lambda: made.client.close(timeout=1.0), CLOSE_S)
            made.end()

    def _ask(self, call: Callable[[Any], T]) -> T:
        """What a call of the client gives; a line on which nothing is answered in time is given up."""
        client = self._client()
        try:
            return within(lambda: call(client), ANSWER_S)
        except NoAnswerError:
            self.close()
            raise TimeoutError(
                f"the Dask scheduler at {self._address} is connected, and has not answered for {ANSWER_S:g} s"
            ) from None

    def _client(self) -> Any:  # noqa: ANN401 - the SDK's
        if self._made is not None and self._made.client.status != "running":
            self.close()
        if self._made is None:
            check_installed()
            _quiet()
            self._made = open_client(self._address, *self._certificates, self._timeout_s)
        return self._made.client

    def _done(self, key: str, future: Any, ended: Callable[[str, object], None]) -> None:  # noqa: ANN401
        known = key in self._futures and self._futures[key] is future
        if not known or future.status == "cancelled":  # taken back, or the line was cut
            return
        try:
            found = future.result() if future.status == "finished" else future.exception()
        except CancelledError:
            return
        except Exception as error:  # noqa: BLE001 - of reading what a worker of another version has sent
            found = error
        if self._futures.get(key) is future:
            del self._futures[key]
        future.release()  # so that the key may be submitted again
        ended(key, found)


def _quiet() -> None:
    """Have the SDK log nothing in this process: whatever it cannot do is raised where that is asked, and told in a sentence."""
    for name in ("distributed", "distributed.client"):  # each has a level of its own
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
