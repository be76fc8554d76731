"""Executors that the settings name are made from their options, or refused with what is wrong."""

import sys
from datetime import UTC, datetime

import pytest

from penstock.app.executors import build_executors
from penstock.errors import ConfigError
from penstock.settings import load_settings

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
def test_options_that_an_executor_does_not_take_are_refused_before_it_is_made(tmp_path, monkeypatch, options, says):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "ours.py").write_text(MODULE)
    (tmp_path / "penstock.toml").write_text(
        f"[plugins]\nmodules = ['ours']\n[executors.far]\ntype = 'ours.batch'\n{options}\n"
    )
    (tmp_path / ".penstock").mkdir()
    with pytest.raises(ConfigError) as refused:
        build_executors(load_settings({}, tmp_path), lambda: datetime(2026, 1, 1, tzinfo=UTC))
    assert says in str(refused.value)
    assert "executor 'far'" in str(refused.value)
