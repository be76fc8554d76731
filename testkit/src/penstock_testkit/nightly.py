"""What is tested each night and not with each change: long sweeps of what a short pass looks at each time.

`nox -s nightly` sets the variable and runs all tests. A test, or a case of one, that is marked `nightly` runs there alone;
a loop takes `at_night(1000, 100)` worlds. No kind of proof may be there alone: a short pass of the same test, or another
test, finds at each change what a fault usually breaks.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeVar

import pytest

VARIABLE = "PENSTOCK_TESTS_NIGHTLY"
NIGHTLY = bool(os.environ.get(VARIABLE))
"""Whether the long sweeps run, too."""
_COUNT = "penstock_nightly"

Case = TypeVar("Case")


def at_night(many: Case, few: Case) -> Case:
    """How much a test does: `many` at night, `few` with each change."""
    return many if NIGHTLY else few


def nightly_but(kept: Iterable[object], cases: Iterable[object]) -> list[object]:
    """Mark the cases of a `parametrize` as nightly, all but those that are kept.

    Raises:
        ValueError: A kept case is none: it would be kept no more.
    """
    cases, kept = list(cases), list(kept)
    if missing := [each for each in kept if each not in cases]:
        raise ValueError(f"these are to be kept, and are no cases: {missing}")
    return [each if each in kept else _nightly(each) for each in cases]


def thinned(cases: Iterable[object], every: int) -> list[object]:
    """Mark the cases of a `parametrize` as nightly, all but every so-manieth, the first among these."""
    return [_nightly(each) if number % every else each for number, each in enumerate(cases)]


def _nightly(case: object) -> object:
    if isinstance(case, type(pytest.param())):
        return pytest.param(*case.values, id=case.id, marks=[*case.marks, pytest.mark.nightly])
    return pytest.param(case, marks=pytest.mark.nightly)


class Nightly:
    """The plugin that leaves nightly tests out, and says at the end how many they were."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.left_out = 0

    def pytest_report_header(self) -> str:
        """Say at the beginning what is left out."""
        if NIGHTLY:
            return f"nightly: the long sweeps run, too ({VARIABLE})"
        return "nightly: the long sweeps are left out, how many the last lines say; `nox -s nightly` runs them"

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what is marked."""
        if NIGHTLY:
            return
        left_out = [item for item in items if item.get_closest_marker("nightly")]
        if left_out:
            self.config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if not item.get_closest_marker("nightly")]
        self.left_out = len(left_out)
        if hasattr(self.config, "workeroutput"):
            self.config.workeroutput[_COUNT] = self.left_out

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Take the number of a worker of several: each of them collects all tests."""
        self.left_out = max(self.left_out, getattr(node, "workeroutput", {}).get(_COUNT, 0))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say at the end how many were left out."""
        if self.left_out:
            terminalreporter.write_line(f"{self.left_out} nightly tests were left out: `nox -s nightly` runs them")
