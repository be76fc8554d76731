"""What the tests of the whole workspace share: the order in which several workers take them, and the workspace's wheels."""

import fcntl
import gc
from collections.abc import Generator
from pathlib import Path

import pytest

import wheels


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while tests are collected, and leave what was imported and collected out of each later look.

    There is none in it, in a million objects; and a forked test copies no page of them.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what may take long, so that no worker is left alone with it when the others have nothing more to do.

    A test that may take long is one that is given more time than others.
    """
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _limit_s(item, float(config.getini("timeout"))), reverse=True)


def _limit_s(item: pytest.Item, usual: float) -> float:
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker else usual


@pytest.fixture(scope="session")
def workspace_wheels(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The folder of the wheels of all packages, which are built once for all workers; it is only read."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if hasattr(request.config, "workerinput") else own) / "workspace-wheels"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a worker that dies lets it go
        if not folder.exists():
            building = folder.with_suffix(".building")
            wheels.build_wheels(Path(__file__).parent, building)
            building.rename(folder)
    return folder
