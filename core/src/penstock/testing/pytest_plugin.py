"""The pytest plugin: fixtures `run_dag`, `load_dags`, `fake_clock` and `penstock_runtime`, free until they are used."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def run_dag() -> Callable[..., Any]:
    """`penstock.testing.run_dag`."""
    from penstock.testing.run import run_dag  # noqa: PLC0415 - every pytest session loads this module

    return run_dag


@pytest.fixture
def load_dags() -> Callable[..., Any]:
    """`penstock.testing.load_dags`."""
    from penstock.testing.files import load_dags  # noqa: PLC0415 - as above

    return load_dags


@pytest.fixture
def fake_clock() -> Any:  # noqa: ANN401 - a FakeClock, not imported here
    """A `penstock.testing.FakeClock`."""
    from penstock.testing.clock import FakeClock  # noqa: PLC0415 - as above

    return FakeClock()


@pytest.fixture
def penstock_runtime() -> Iterator[Any]:
    """A `penstock.testing.FakeRuntime` in which hooks and functions run as if inside a task; fill its Variables."""
    from penstock.testing.fake_runtime import runtime  # noqa: PLC0415 - as above

    with runtime() as fake:
        yield fake
