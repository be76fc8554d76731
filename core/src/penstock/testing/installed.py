"""The installed providers, found once for all tests of a process."""

import sys
from functools import lru_cache

from penstock.plugins.host import PluginHost


def installed() -> PluginHost:
    """The providers on this process' path; they are found again once the path is another."""
    return _found(tuple(sys.path))


@lru_cache(maxsize=4)
def _found(_path: tuple[str, ...]) -> PluginHost:
    return PluginHost.discover()
