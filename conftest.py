"""The order in which several workers take the tests of the whole workspace."""

import pytest


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
