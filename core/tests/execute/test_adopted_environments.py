"""Tries run in environments that came after the start; one that another has replaced goes when no try is left in it."""

import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from penstock.model.state import Outcome
from penstock.spec.executor import PlanCode
from penstock_testkit.installations import Site

THINGS = """
import os, time
from pathlib import Path
from penstock import Operator

class Wait(Operator):
    def __init__(self, *, gate="", **kwargs):
        super().__init__(**kwargs)
        self.gate = gate

    def execute(self, context):
        while self.gate and not Path(self.gate).exists():
            time.sleep(0.01)
        return os.environ["INTERPRETER"]
"""
MANIFEST = """
schema = 1
id = "acme"
name = "Acme"
doc = "The provider acme."
spec = ">=1,<2"
imports = ["penstock_acme"]

[[operators]]
id = "acme.wait"
object = "penstock_acme.things:Wait"
doc = "Waits."
parameters = [{ name = "gate", type = "str", default = "", doc = "What it waits for." }]
"""


@pytest.fixture(autouse=True)
def acme(tmp_path, monkeypatch):
    site = Site(tmp_path / "site")
    site.provider("acme", manifest=MANIFEST, modules={"things": THINGS})
    monkeypatch.setenv("PYTHONPATH", str(site.folder))


@pytest.fixture
def pythons(tmp_path):
    """Two interpreters, each of which tells its processes by which of them they were started."""
    found = {}
    for name in ("one", "two"):
        path = tmp_path / f"python-{name}"
        path.write_text(f'#!/bin/sh\nexport INTERPRETER={name}-{tmp_path.name}\nexec {sys.executable} "$@"\n')
        path.chmod(0o755)
        found[name] = str(path)
    return found


def processes(mark):
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"INTERPRETER={mark}".encode() in (each / "environ").read_bytes().split(b"\0"):
                found.append(each.name)
    return found


def test_tries_go_on_where_they_are_while_later_ones_run_in_a_newer_environment(bench, pythons, tmp_path):
    one, two = (f"{name}-{tmp_path.name}" for name in pythons)
    gate = tmp_path / "gate"
    bench.executor.adopt("acme@1", pythons["one"])
    waiting = bench.request("first", code=PlanCode("acme.wait", {"gate": str(gate)}, "acme@1"))
    bench.executor.submit([waiting])
    bench.wait_started(waiting)

    bench.executor.adopt("acme@2", pythons["two"])
    assert (
        bench.run("second", code=PlanCode("acme.wait", {}, "acme@2")).xcoms["return_value"].json == f'"{two}"'.encode()
    )
    assert processes(one)
    gate.touch()
    [end] = bench.wait(waiting)
    assert (end.outcome, end.xcoms["return_value"].json) == (Outcome.SUCCESS, f'"{one}"'.encode())

    bench.executor.adopt("acme@3", pythons["two"])
    bench.until(lambda: not processes(one))
    code = PlanCode("acme.wait", {}, "acme@3")
    assert bench.run("third", code=code).outcome is Outcome.SUCCESS


def test_an_adopted_environment_lives_no_longer_than_the_others(bench, pythons, tmp_path):
    bench.executor.renew_lease(time.monotonic() + 1.0)
    bench.executor.adopt("acme@1", pythons["one"])
    request = bench.request("first", code=PlanCode("acme.wait", {"gate": str(tmp_path / "gate")}, "acme@1"))
    bench.executor.submit([request])
    [end] = bench.wait(request)  # on a slow machine before it was started
    assert end.outcome is Outcome.LOST
    bench.until(lambda: not processes(f"one-{tmp_path.name}"))
