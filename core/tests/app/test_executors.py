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


CONNECTED = """
from penstock.spec.plugin import Capability, hookimpl
from penstock.spec.remote import RemoteExecutor

class Rings(RemoteExecutor):
    connection_types = ("redis", "amqp")
    found = []

    def __init__(self, context):
        super().__init__(context)
        if context.connection.host == "wrong":
            raise ValueError(f"no way to redis://u:{context.connection.password}@h, nor to https://x:canary@h")
        self.found.append(context.connection)

    def ring(self, tickets):
        return ()

class Alone(RemoteExecutor):
    def ring(self, tickets):
        return ()

@hookimpl
def penstock_executors():
    return [Capability("executors", "ours.rings", Rings, "Rings."), Capability("executors", "ours.alone", Alone, "Alone.")]
"""


@pytest.fixture
def connected(tmp_path, monkeypatch):
    """Makes an executor with a connection of the environment; what is reported, and what it was made with."""

    def make(uri, kind="ours.rings", conn_id="broker"):
        monkeypatch.setattr(sys, "path", [*sys.path])
        (tmp_path / "ours.py").write_text(CONNECTED)
        (tmp_path / "penstock.toml").write_text(
            f"[plugins]\nmodules = ['ours']\n[executors.far]\ntype = '{kind}'\nconn_id = '{conn_id}'\n"
        )
        (tmp_path / ".penstock").mkdir(exist_ok=True)
        settings, reported = load_settings({"PENSTOCK_CONN_BROKER": uri}, tmp_path), []
        with open_store(settings) as store:
            build_executors(settings, store, FakeClock(datetime(2026, 1, 1, tzinfo=UTC)), reported.append)
        return reported, sys.modules["ours"].Rings.found

    return make


def test_an_executor_is_made_with_the_connection_that_the_settings_name(connected):
    reported, ((found),) = connected("redis://:canary@h:6379/1")
    assert reported == []
    assert (found.conn_id, found.host, found.password, found.schema) == ("broker", "h", "canary", "1")


@pytest.mark.parametrize(
    ("uri", "kind", "conn_id", "says"),
    [
        (
            "postgres://h/",
            "ours.rings",
            "broker",
            "connection 'broker' is of type 'postgres', and redis or amqp is needed",
        ),
        ("redis://h/", "ours.rings", "nobody", "no connection is named 'nobody'. Create it with"),
        ("redis://h/", "ours.alone", "broker", "[executors.far]: this executor takes no connection; leave out conn_id"),
        ("redis://u:canary@wrong/", "ours.rings", "broker", "no way to redis://u:***@h, nor to https://x:***@h"),
    ],
    ids=["another type", "missing", "none is taken", "its password is hidden"],
)
def test_a_connection_that_cannot_serve_is_told_by_its_name(connected, uri, kind, conn_id, says):
    (sentence,), _ = connected(uri, kind, conn_id)
    assert says in sentence
    assert "canary" not in sentence
