"""What an executor asks of a cluster: tasks by their keys, submitted once, looked at, and taken back."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from penstock_dask.hooks.clients import open_client


class DaskTask(NamedTuple):
    """A task to be.

    Attributes:
        key: Its name in the cluster: what is submitted under a key that is there is not run again.
        arguments: What its function is called with.
        resources: The workers' resources that it takes.
        workers: Workers that may run it, by address or name; any unless given.
    """

    key: str
    arguments: tuple[Any, ...]
    resources: Mapping[str, float]
    workers: Sequence[str] = ()


class ClusterWorkers(NamedTuple):
    """What workers a cluster has now.

    Attributes:
        threads: Tasks that they run at once.
        resources: The largest amount of each resource that one of them has.
    """

    threads: int
    resources: Mapping[str, float]


class Cluster:
    """A line to a cluster, made when it is needed and anew once it is cut.

    Args:
        address: Of its scheduler.
        certificates: Paths of authority, certificate and key; empty texts for none.
        timeout_s: Seconds to wait for it.
    """

    def __init__(self, address: str, certificates: tuple[str, str, str], timeout_s: float) -> None:
        self._address, self._certificates, self._timeout_s = address, certificates, timeout_s
        self._made: Any = None
        self._futures: dict[str, Any] = {}

    def submit(
        self, function: Callable[..., Any], tasks: Iterable[DaskTask], ended: Callable[[str, object], None]
    ) -> None:
        """Submit tasks; those whose key is there already are left as they are.

        Args:
            function: What each runs; the workers import it.
            tasks: The tasks.
            ended: Called in any thread with the key of a task that has ended, and what it returned or the exception.
        """
        client = self._client()
        from distributed import fire_and_forget  # noqa: PLC0415 - as in `open_client`

        for each in tasks:
            future = client.submit(
                function, *each.arguments, key=each.key, pure=False, resources=dict(each.resources) or None,
                workers=list(each.workers) or None, retries=0,
            )  # fmt: skip
            # It goes on, and keeps its key, if this process is replaced by another one.
            fire_and_forget(future)
            self._futures[each.key] = future
            future.add_done_callback(lambda done, key=each.key: self._done(key, done, ended))

    def states(self, keys: Sequence[str]) -> dict[str, str]:
        """The state of each task that the cluster knows, by key, as Dask names it."""
        client = self._client()
        found = client.sync(client.scheduler.get_task_status, keys=list(keys))
        return {key: state for key, state in found.items() if state is not None}

    def keys_by_worker(self, keys: Iterable[str]) -> dict[str, list[str]]:
        """The keys that workers have, by the worker's address."""
        wanted = set(keys)
        found = {worker: [key for key in has if key in wanted] for worker, has in self._client().processing().items()}
        return {worker: has for worker, has in found.items() if has}

    def take_back(self, function: Callable[..., Any], keys: Sequence[str]) -> None:
        """Remove tasks; where one runs, its worker calls ``function`` with the keys of those."""
        client = self._client()
        by_worker = self.keys_by_worker(keys)
        from distributed import Future  # noqa: PLC0415 - as in `open_client`

        futures = [self._futures.pop(key, None) or Future(key, client) for key in keys]
        client.cancel(futures, force=True)
        for worker, has in by_worker.items():
            with contextlib.suppress(Exception):  # it may be gone, or hang: what it runs is fenced by the server
                client.run(function, has, workers=[worker], on_error="ignore")

    def forget(self, keys: Iterable[str]) -> None:
        """Have the cluster keep nothing of tasks that have ended."""
        for key in keys:
            future = self._futures.pop(key, None)
            if future is not None:
                future.release()

    def workers(self) -> ClusterWorkers:
        """What workers there are."""
        workers = self._client().scheduler_info(n_workers=-1)["workers"].values()
        resources: dict[str, float] = {}
        for each in workers:
            for name, amount in each.get("resources", {}).items():
                resources[name] = max(resources.get(name, 0.0), amount)
        return ClusterWorkers(sum(each["nthreads"] for each in workers), resources)

    def close(self) -> None:
        """Let go; what was submitted goes on."""
        made, self._made, self._futures = self._made, None, {}
        if made is not None:
            with contextlib.suppress(Exception):
                made.close(timeout=1.0)

    def _client(self) -> Any:  # noqa: ANN401 - the SDK's
        if self._made is not None and self._made.status != "running":
            self.close()
        if self._made is None:
            self._made = open_client(self._address, *self._certificates, self._timeout_s)
        return self._made

    def _done(self, key: str, future: Any, ended: Callable[[str, object], None]) -> None:  # noqa: ANN401
        known = key in self._futures and self._futures[key] is future
        if not known or future.status == "cancelled":  # taken back, or the line was cut
            return
        found = future.result() if future.status == "finished" else future.exception()
        del self._futures[key]
        future.release()  # so that the key may be submitted again
        ended(key, found)
