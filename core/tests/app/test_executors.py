"""Executors that the settings name are made from their options, or refused with what is wrong."""

import os
import sys
from datetime import UTC, datetime

import pytest

from penstock.app.compose import open_store
from penstock.app.parts.executors import build_executors
from penstock.settings import load_settings
from penstock.testing import FakeClock

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
    settings = load_settings({}, tmp_path)
    with open_store(settings) as store:
        made = build_executors(settings, store, FakeClock(datetime(2026, 1, 1, tzinfo=UTC)), reported.append)
    assert sorted(made) == ["local", "waiter"]
    (sentence,) = reported
    assert says in sentence
    assert "executor 'far'" in sentence
    assert "Tries of its queues wait" in sentence


RINGS = """
import os
from penstock.spec.plugin import Capability, hookimpl
from penstock.spec.remote import RemoteExecutor

class Rings(RemoteExecutor):
    secret_environ = ("RINGS_URL",)
    found = []

    def __init__(self, context):
        super().__init__(context)
        self.found.append(os.environ["RINGS_URL"])

    def ring(self, tickets):
        return ()

@hookimpl
def penstock_executors():
    return [Capability("executors", "bells.rings", Rings, "Rings.")]
"""


def test_what_lets_in_at_an_engine_is_read_and_then_no_part_of_the_environment_of_tries(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("RINGS_URL", "rings://user:secret@engine")
    (tmp_path / "bells.py").write_text(RINGS)
    executors = "[executors]\nfar = 'bells.rings'\nnear = 'bells.rings'\nwrong = {type = 'bells.rings', slots = -1}\n"
    (tmp_path / "penstock.toml").write_text(f"[plugins]\nmodules = ['bells']\n{executors}")
    (tmp_path / ".penstock").mkdir()
    settings, reported = load_settings({}, tmp_path), []
    with open_store(settings) as store:
        made = build_executors(settings, store, FakeClock(datetime(2026, 1, 1, tzinfo=UTC)), reported.append)
    assert (len(reported), sorted(made)) == (1, ["far", "local", "near", "waiter"])
    assert "RINGS_URL" not in os.environ
