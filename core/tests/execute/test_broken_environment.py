"""An environment whose Python is gone fails the tries that need it, one after the other, and nobody else's."""

from datetime import UTC, datetime

import pytest

from penstock.execute.environment import Environment, spawn_command
from penstock.execute.executor_lock import lock_executor
from penstock.execute.local import LocalExecutor
from penstock.model.attempt import TryFacts
from penstock.model.state import Outcome
from penstock.settings.executor import ExecutorSettings
from penstock.spec.executor import PlanCode, TryFinished, TryRequest


@pytest.fixture
def executor(tmp_path):
    """A local executor with one slot, and an isolated provider's environment that was deleted."""
    lock = lock_executor(tmp_path / "executor.lock", patience_s=5)
    gone = Environment(spawn_command(str(tmp_path / "gone" / "python")), lock, tmp_path / "servers.log")
    made = LocalExecutor(tmp_path, {"acme": gone}, ExecutorSettings(parallelism=1), lambda: datetime.now(UTC))
    yield made
    made.stop(0)


def test_a_python_that_is_gone_fails_each_try_that_needs_it_with_a_sentence(executor, tmp_path):
    facts, log = TryFacts("d", "r", "t"), (tmp_path / "log").as_uri()
    executor.submit([TryRequest(1, epoch, facts, PlanCode("acme.copy", {}, "acme"), log) for epoch in (1, 2, 3)])
    ends = [event for event in executor.events() if isinstance(event, TryFinished)]
    assert [(event.epoch, event.end.outcome, event.end.retryable) for event in ends] == [
        (epoch, Outcome.FAILED, True) for epoch in (1, 2, 3)
    ]
    assert all("cannot start" in event.end.error and "gone/python" in event.end.error for event in ends)
