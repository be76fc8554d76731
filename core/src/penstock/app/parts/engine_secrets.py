"""Keeps what lets in at the engines of remote executors out of processes with code of authors."""

import os
from collections.abc import Sequence
from contextlib import suppress

from penstock.errors import PenstockError
from penstock.plugins.host import PluginHost
from penstock.settings import Settings
from penstock.tries.remote.remote_options import is_remote


def drop_engine_secrets(settings: Settings, host: PluginHost, more: Sequence[str] = ()) -> None:
    """Take out of the environment of this process, and so of those that it starts, what its executors' classes name as secret.

    Whether an executor can be made does not matter: what it names is no less secret if it cannot.

    Args:
        settings: Name the executors.
        host: Knows their classes.
        more: Further variables.
    """
    for variable in more:
        os.environ.pop(variable, None)
    for each in settings.executors.values():
        with suppress(PenstockError):  # what cannot be imported reads nothing, and names nothing
            if each.provided and is_remote(make := host.resolve(each.type, "executors")):
                for variable in make.secret_environ:
                    os.environ.pop(variable, None)
