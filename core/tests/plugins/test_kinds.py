"""What the object of a capability must be: its methods are there, and each is called as its kind calls it."""

import pytest

from penstock import Operator, Sensor, Timetable
from penstock.plugins.kinds import kind_problem


def made(*bases, **methods):
    return type("Made", bases, methods)


def plain(*args, **kwargs):
    return None


async def later(*args, **kwargs):
    return None


async def piece_by_piece(*args, **kwargs):
    yield b""


BACKEND = dict.fromkeys(("connection", "variable", "connection_ids", "variable_keys"), plain)
LOGS = dict.fromkeys(("append", "seal", "sealed", "read", "delete"), plain)
EXECUTOR = dict.fromkeys(("start", "recover", "capacity", "fileno", "submit", "cancel", "reply", "events", "stop"), plain)  # fmt: skip
LOST = "with `async def`, and nothing awaits that; write `def`"


@pytest.mark.parametrize(
    ("kind", "target", "problem"),
    [
        ("metrics_sinks", made(write=plain), ""),
        ("metrics_sinks", made(write=later), f"declares write() {LOST}"),
        ("metrics_sinks", made(), "lacks the methods write of penstock.spec.metrics_sink.MetricsSink"),
        ("notifiers", made(send=plain), ""),
        ("notifiers", made(send=later), ""),
        ("secrets_backends", made(**BACKEND), ""),
        ("secrets_backends", made(**BACKEND | {"variable": later}), f"declares variable() {LOST}"),
        ("log_stores", made(**LOGS | {"read": piece_by_piece, "seal": later}), f"declares seal(), read() {LOST}"),
        ("executors", made(**EXECUTOR), ""),
        ("executors", made(**EXECUTOR | {"submit": later}), f"declares submit() {LOST}"),
        ("timetables", made(Timetable, next_run=plain), ""),
        ("timetables", made(Timetable, next_run=later), f"declares next_run() {LOST}"),
        ("timetables", plain, "is no subclass of penstock.Timetable"),
        ("sensors", made(Sensor, poke=later), ""),
        ("sensors", made(Sensor, poke_key=later), f"declares poke_key() {LOST}"),
        ("operators", made(Operator, execute=later), ""),
        ("commands", plain, ""),
        ("commands", later, "is declared with `async def`, and nothing awaits it; write it with `def`"),
        ("commands", "text", "is a str, and cannot be called"),
    ],
)
def test_an_object_is_judged_by_its_kind(kind, target, problem):
    assert kind_problem(kind, target) == problem
