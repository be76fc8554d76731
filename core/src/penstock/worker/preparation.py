"""Gets ready what a try needs on this machine: its source snapshot, or the environment of its isolated provider."""

import threading
from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace

from penstock.clock import Clock
from penstock.errors import PenstockError, ServerError
from penstock.model.attempt import TryEnd
from penstock.model.remote.execution_messages import EnvironmentLock
from penstock.plugins.isolated import isolated_pythons
from penstock.plugins.locked_environments import LockedEnvironments
from penstock.processes.supervise import Backoff
from penstock.spec.executor import FileCode, PlanCode
from penstock.spec.workers.fetched_snapshots import FetchedSnapshots
from penstock.spec.workers.held_code import FETCHES, end_without_code, hold
from penstock.worker.execution_client import ExecutionClient, RefusedByServerError
from penstock.worker.fetched_environments import FetchedEnvironments, python_of
from penstock.worker.worker_plan import WorkerPlan
from penstock.worker.worker_try import WorkerTry

_FOR_GOOD = frozenset({413, 422})
"""Statuses of what a server says of the thing itself, and not of whoever asks, or of the moment."""
_SHOWN_DIGITS = 16

T = TypeVar("T")


class Preparation:
    """Prepares tries; safe to use from several threads.

    Args:
        plan: The worker's.
        client: The way to the server.
        clock: Tells the monotonic instant.
        leaving: Set when the worker ends.
    """

    def __init__(self, plan: WorkerPlan, client: ExecutionClient, clock: Clock, leaving: threading.Event) -> None:
        self._client, self._clock, self._leaving = client, clock, leaving
        self._snapshots = FetchedSnapshots(plan.folder / "snapshots")
        self._environments = FetchedEnvironments(plan.folder / "environments", leaving)
        self._isolated, self._own = plan.isolated, LockedEnvironments(plan.isolated)

    def prepare(self, held: WorkerTry) -> TryEnd | None:
        """Get ready what a try needs; how it ends if that cannot be, by `end_without_code`, else None."""
        code = held.request.code
        try:
            if isinstance(code, FileCode):
                hold(
                    held.held,
                    lambda: self._snapshots.held(code.snapshot, lambda it: self._fetch(held, f"snapshots/{it}")),
                )
            elif code.provider:
                self._environment(held, code)
        except (PenstockError, OSError) as error:
            return end_without_code(error, final=isinstance(error, RefusedByServerError) and error.status in _FOR_GOOD)
        return None

    def _environment(self, held: WorkerTry, code: PlanCode) -> None:
        """Have a try run in its environment; the lock is asked for anew if the server's has changed meanwhile."""
        for _ in range(FETCHES - 1):
            try:
                self._hold_environment(held, code)
            except RefusedByServerError as error:
                if error.status not in _FOR_GOOD:
                    raise
            else:
                return
        self._hold_environment(held, code)

    def _hold_environment(self, held: WorkerTry, code: PlanCode) -> None:
        """Have a try run in the environment that the server has: in this machine's if it is the same, or that one cannot be sent."""
        here = code.provider in isolated_pythons(self._isolated)
        try:
            lock = self._asked(held, lambda: self._client.ask("environments", held.token, None, EnvironmentLock))
        except RefusedByServerError as error:
            if here and error.status in _FOR_GOOD:
                return
            raise
        if here and self._own_digest(code.provider) == lock.digest:
            return
        fetch: Callable[[str], bytes] = lambda digest: self._fetch(held, f"environments/{digest}")  # noqa: E731
        path = hold(held.held, lambda: self._environments.held(lock, fetch))
        name = f"{code.provider}@{lock.digest[:_SHOWN_DIGITS]}"
        held.request = replace(held.request, code=replace(code, provider=name))
        held.python = str(python_of(path))

    def _own_digest(self, provider: str) -> str:
        try:
            return self._own.lock(provider).digest
        except (PenstockError, OSError):  # it is of no use, or cannot be compared
            return ""

    def _fetch(self, held: WorkerTry, route: str) -> bytes:
        return self._asked(held, lambda: self._client.fetch(route, held.token))

    def _asked(self, held: WorkerTry, ask: Callable[[], T]) -> T:
        """The answer to a question; a server that is away for a moment is asked again while the lease lasts."""
        backoff, until_s = Backoff(0.2, 3.0), self._clock.read().monotonic_s + held.lease_s
        while True:
            try:
                return ask()
            except ServerError:
                if self._clock.read().monotonic_s > until_s or self._leaving.wait(backoff.pause()):
                    raise
