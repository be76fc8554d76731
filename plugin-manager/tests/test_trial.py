"""A trial says of a provider what is the provider's, and nothing of the machine's."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from penstock_plugin_manager.conformance.subject import Subject
from penstock_plugin_manager.conformance.trial import Trial
from penstock_plugin_manager.errors import DiskError, IncompatibleError, ManagerError, MissingError
from penstock_plugin_manager.model.lock import Lock, Locked

LOCK = Lock((Locked("penstock-core", "0.1"),), ">=3.11", (), universal=False)


class Resolver:
    """A resolver that solves nothing."""

    def __init__(self, error):
        self.error = error

    def solve(self, *_):
        raise self.error


@pytest.mark.parametrize("error", [IncompatibleError("a needs b<1."), MissingError("There is no b.")])
def test_own_tests_that_need_what_cannot_be_had_are_the_providers_problem(tmp_path, error):
    assert str(error) in told(tmp_path, error).problems[0]


@pytest.mark.parametrize("error", [DiskError("The disk is full."), ManagerError("The index does not answer.")])
def test_a_machine_that_is_unwell_makes_no_verdict(tmp_path, error):
    with pytest.raises(ManagerError, match=str(error)):
        told(tmp_path, error)


def told(folder, error):
    """What is said of a provider's own tests where what they need cannot be installed."""
    wheel = folder / "x.whl"
    subject = Subject(SimpleNamespace(name="x"), wheel, folder, folder / "tests", ("b",))
    trial = Trial(Resolver(error), SimpleNamespace(sources=None), "python", 1.0, with_own=True)
    return trial._own_tests(subject, SimpleNamespace(short_version="3.11"), LOCK, None)
