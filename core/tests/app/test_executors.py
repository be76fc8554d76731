"""Executors that the settings name are made from their options, or refused with what is wrong."""

import select
import sys
from datetime import UTC, datetime

import pytest

from penstock.app.executors import build_executors
from penstock.model.attempt import TryFacts
from penstock.settings import load_settings
from penstock.spec.executor import PlanCode, TryFinished, TryRequest

MODULE = """
from penstock.spec.plugin import Capability, Parameter, hookimpl

def batch(context): ...

@hookimpl
def penstock_executors():
    slots = Parameter("slots", "int", "Tries that run at once.", default=2)
    return [Capability("executors", "ours.batch", batch, "A batch system.", parameters=(slots,))]
"""


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("slts = 3", "ours.batch takes no argument 'slts'; did you mean 'slots'?"),
        ("slots = 'x'", "ours.batch: slots must be int, not 'x'"),
    ],
)
def test_an_executor_with_options_that_it_does_not_take_is_left_out_before_it_is_made(
    tmp_path, monkeypatch, options, says
):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "ours.py").write_text(MODULE)
    (tmp_path / "penstock.toml").write_text(
        f"[plugins]\nmodules = ['ours']\n[executors.far]\ntype = 'ours.batch'\n{options}\n"
    )
    (tmp_path / ".penstock").mkdir()
    reported = []
    made = build_executors(load_settings({}, tmp_path), lambda: datetime(2026, 1, 1, tzinfo=UTC), reported.append)
    assert sorted(made) == ["local", "waiter"]
    (sentence,) = reported
    assert says in sentence
    assert "executor 'far'" in sentence
    assert "Tries of its queues wait" in sentence


def test_a_provider_that_is_isolated_while_the_executor_runs_has_its_environment_from_its_next_try_on(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    (tmp_path / ".penstock").mkdir()
    made = build_executors(load_settings({}, tmp_path), lambda: datetime(2026, 1, 1, tzinfo=UTC), print)["local"]
    made.start()
    try:
        log = (tmp_path / "log").as_uri()
        requests = [
            TryRequest(run, 1, TryFacts("d", "r", "t"), PlanCode("acme.echo", {}, "acme"), log) for run in (1, 2)
        ]
        made.submit(requests[:1])
        (tmp_path / "penstock-isolated.json").write_text(f'{{"acme": "{sys.executable}"}}')
        made.submit(requests[1:])
        ends = {}
        while len(ends) < 2:
            assert select.select([made], [], [], 30)[0]
            ends |= {each.key.run: each.end.error for each in made.events() if isinstance(each, TryFinished)}
        assert "no environment of its own any more" in ends[1]
        assert "needs the provider 'acme', which is not installed here" in ends[2]
    finally:
        made.stop(1)
